import { describe, expect, test } from "vitest";
import { withPlace } from "../../../../../coordinator/plan/bind/bind-place.ts";
import { placeColumn } from "../../../../../shared/boxes/place.ts";
import type { SpecProblem } from "../../../../../shared/job-file/issue-problems.ts";

const FLOAT = { kind: "numeric", type: "float64" } as const;

/** Returns what becomes of an output beside these inputs of images. */
function placed(output: Parameters<typeof withPlace>[0][1], images: readonly string[]) {
  const inputs = Object.fromEntries(
    images.map((name) => [name, { column: `made:${name}`, scale: 1, offset: 0 }]),
  );
  const fields = images.map((name) => ({ name: placeColumn(`made:${name}`), type: FLOAT, nullable: false }));
  const problems: SpecProblem[] = [];
  const { picture } = withPlace(["things", output], { inputs }, fields, problems);
  return { picture, problems };
}

const BOXES = { op: "boxes", head: "yolov8" } as const;

describe("the picture of an output of boxes", () => {
  test.each([
    [BOXES, ["photo"], "made:photo:place"],
    [BOXES, [], undefined],
    [{ ...BOXES, picture: "none" }, ["photo"], "none"],
    [{ ...BOXES, picture: "left" }, ["left", "right"], "made:left:place"],
    [{ op: "raw" } as const, ["photo"], undefined],
  ])("%j beside images in %j is %s", (output, images, picture) => {
    expect(placed(output, images)).toEqual({ picture, problems: [] });
  });

  test.each([
    [BOXES, ["left", "right"], "key", "several inputs are made from pictures", "`left`, `right` or `none`"],
    [{ ...BOXES, picture: "x" }, ["left"], "value", "is not an input made from pictures", "`left` or `none`"],
    [{ ...BOXES, picture: "x" }, [], "value", "is not an input made from pictures", "`none`"],
  ])("%j beside images in %j is refused", (output, images, part, what, expected) => {
    expect(placed(output, images).problems).toMatchObject([
      { path: ["map", "outputs", "things", "picture"], part, what, expected },
    ]);
  });
});
