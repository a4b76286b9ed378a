import { describe, expect, it } from "vitest";
import { checkJob, isProblems } from "../../../shared/job-file/check-job.ts";

/** Returns the problems of an input with images, by key. */
function problemsOf(image: unknown, input: object = {}) {
  const checked = checkJob(
    {
      input: { path: "data" },
      model: { path: "m.onnx" },
      map: { inputs: { x: { image, ...input } } },
      output: { path: "out" },
    },
    { defaultName: "job", folder: "/job" },
  );
  if (!isProblems(checked)) return checked.map.inputs.x;
  return checked.map(({ path, what }) => [path.slice(3).join("."), what]);
}

describe("the `image` of an input", () => {
  it("optional keys have defaults, and the folder is resolved from that of the job", () => {
    expect(problemsOf({})).toEqual({
      ...{ scale: 1, offset: 0 },
      image: {
        ...{ orient: true },
        ...{ maxPixels: 67_108_864, folder: "/job" },
      },
    });
    expect(problemsOf({ folder: "photos" })).toMatchObject({ image: { folder: "/job/photos" } });
  });

  it("keys for columns of numbers are refused together with `image`", () => {
    const rest = { columns: "f*", shape: [3, 8, 8], fill: 0, pad: 1 };
    const what = (key: string) => [key, `\`image\` and \`${key}\` exclude each other`];
    expect(problemsOf({}, rest)).toEqual(["columns", "shape", "fill", "pad"].map(what));
    expect(problemsOf({}, { mask: "y" })).toContainEqual(what("mask"));
  });

  it.each([
    [{ shortestEdge: 8, longestEdge: 8 }],
    [{ shortestEdge: 8, width: 8, height: 8 }],
    [{ width: 8 }],
    [{}],
  ])("a resize without exactly one size is refused: %o", (resize) => {
    expect(problemsOf({ resize })).toEqual([["image.resize", "does not give exactly one size"]]);
  });

  it("`pad`, `place` and `round` are refused for an exact size, and `crop` for a longest edge", () => {
    const resize = { width: 8, height: 8, pad: 1, place: "center", round: "floor" };
    expect(problemsOf({ resize })).toEqual([
      ["image.resize.pad", "there is nothing to fill"],
      ["image.resize.place", "there is nothing to fill"],
      ["image.resize.round", "there is nothing to round"],
    ]);
    expect(problemsOf({ resize: { longestEdge: 8 }, crop: { width: 4, height: 4 } })).toEqual([
      ["image.crop", "`longestEdge` and `crop` exclude each other"],
    ]);
  });

  it("`mean` and `std` need one number for each channel, and zeros in `std` are refused", () => {
    expect(problemsOf({ mean: [1, 2], std: [1, 2, 3] })).toEqual([
      ["image.mean", "does not have one number for each channel"],
    ]);
    expect(problemsOf({ channels: "gray", mean: [1], std: [1, 2, 3] })).toEqual([
      ["image.std", "does not have one number for each channel"],
    ]);
    expect(problemsOf({ std: [1, 0, 1] })).toEqual([
      ["image.std", "contains 0, and values are divided by it"],
    ]);
  });
});
