import fc from "fast-check";
import { expect, it } from "vitest";
import { imageOp, imageText } from "../../../extensions/image/op.ts";
import { ZOD } from "../../../shared/core/zod.ts";
import { anImagePlan, imagePlan } from "./image-fixtures.ts";

it("the text of a plan lists the preparation of images in order", () => {
  const plan = anImagePlan({
    ...{ resize: { kind: "shortestEdge", pixels: 256 }, crop: { width: 224, height: 223 } },
    ...{ rescale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.5, 0.5, 0.5] },
  });
  expect(imageText(plan)).toBe(
    "shortest edge 256 (bilinear), crop 224 x 223, (x * 0.003922 - [0.485, 0.456, 0.406]) / 0.5, rgb, nchw",
  );
});

it("the text omits preparation that the plan does not have", () => {
  expect(imageText(anImagePlan())).toBe("rgb, nchw");
  const resize = { kind: "longestEdge", pixels: 64, pad: 114, place: "topLeft" } as const;
  expect(imageText(anImagePlan({ resize, orient: false, resample: "lanczos", layout: "nhwc" }))).toBe(
    "not turned, longest edge 64, beside it 114 (lanczos), rgb, nhwc",
  );
  expect(imageText(anImagePlan({ resize: { kind: "shortestEdge", pixels: 64, round: "round" } }))).toBe(
    "shortest edge 64 (other edge: round) (bilinear), rgb, nchw",
  );
  expect(imageText(anImagePlan({ resize: { kind: "exact", width: 3, height: 2 } }))).toBe(
    "3 x 2 (bilinear), rgb, nchw",
  );
});

it("a plan that is sent as JSON is parsed unchanged", () => {
  const schema = imageOp(ZOD);
  fc.assert(
    fc.property(imagePlan, (plan) => {
      expect(schema.parse(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    }),
  );
});

it.each([
  ["an invalid size", { width: -1 }],
  ["an unknown filter", { resample: "box" }],
  ["a resize of two kinds", { resize: { kind: "exact", pixels: 8 } }],
])("a plan with %s is refused", (_what, change) => {
  expect(imageOp(ZOD).safeParse({ ...anImagePlan(), ...change }).success).toBe(false);
});
