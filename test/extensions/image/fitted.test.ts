import { describe, expect, it } from "vitest";
import { fitted } from "../../../extensions/image/fitted.ts";
import { anImagePlan } from "./image-fixtures.ts";

const image = { width: 2, height: 1, channels: 1, data: Uint8Array.of(10, 20) } as const;

describe("fitted", () => {
  it("cuts the middle out of an image, and fills what lies outside", () => {
    const plan = anImagePlan({ crop: { width: 4, height: 3 }, width: 4, height: 3 });
    expect(fitted(image, plan)).toEqual({
      ...{ width: 4, height: 3, channels: 1 },
      data: Uint8Array.of(0, 0, 0, 0, 0, 10, 20, 0, 0, 0, 0, 0),
    });
  });

  it("fills around the image that is scaled to a longest edge", () => {
    const resize = { kind: "longestEdge", pixels: 2, pad: 7, place: "topLeft" } as const;
    expect(fitted(image, anImagePlan({ resize, width: 2, height: 2 }))?.data).toEqual(
      Uint8Array.of(10, 20, 7, 7),
    );
  });

  it("gives nothing when the size is not the model's", () => {
    expect(fitted(image, anImagePlan({ width: 2, height: 2 }))).toBeNull();
    expect(fitted(image, anImagePlan({ width: 2, height: 1 }))?.data).toEqual(image.data);
  });
});
