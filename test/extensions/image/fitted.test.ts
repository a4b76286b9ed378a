import { describe, expect, it } from "vitest";
import { fitted } from "../../../extensions/image/fitted.ts";
import { anImagePlan } from "./image-fixtures.ts";

const image = { width: 2, height: 1, channels: 1, data: Uint8Array.of(10, 20) } as const;

describe("fitted", () => {
  it("a crop takes the middle of an image and fills the area outside it", () => {
    const plan = anImagePlan({ crop: { width: 4, height: 3 }, width: 4, height: 3 });
    expect(fitted(image, plan)).toEqual({
      ...{ width: 4, height: 3, channels: 1 },
      data: Uint8Array.of(0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0, 0),
    });
  });

  it("an image scaled to its longest edge is filled with the pad value", () => {
    const resize = { kind: "longestEdge", pixels: 2, pad: 7, place: "topLeft" } as const;
    expect(fitted(image, anImagePlan({ resize, width: 2, height: 2 }))?.data).toEqual(
      Uint8Array.of(10, 20, 7, 7),
    );
  });

  it("an image of another size than the model's gives null", () => {
    expect(fitted(image, anImagePlan({ width: 2, height: 2 }))).toBeNull();
    expect(fitted(image, anImagePlan({ width: 2, height: 1 }))?.data).toEqual(image.data);
  });
});
