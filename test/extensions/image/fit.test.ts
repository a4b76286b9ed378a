import { describe, expect, it } from "vitest";
import { fitOf } from "../../../extensions/image/fit.ts";
import type { ImageResize } from "../../../extensions/image/op.ts";

const size = (width: number, height: number) => ({ width, height });
const shortest = (pixels: number) => ({ kind: "shortestEdge", pixels }) as const;
const longest = (place: "center" | "topLeft") =>
  ({ kind: "longestEdge", pixels: 64, pad: 114, place }) as const;

describe("fitOf", () => {
  it("cuts or rounds the other edge as the job says", () => {
    const scaledBy = (resize: ImageResize) => fitOf(size(640, 427), { resize, crop: null }).scaled;
    // 427 * 416 / 640 is 277.55, and 640 * 256 / 427 is 383.7.
    expect(scaledBy({ ...longest("center"), pixels: 416 })).toEqual(size(416, 278));
    expect(scaledBy({ ...longest("center"), pixels: 416, round: "round" })).toEqual(size(416, 278));
    expect(scaledBy({ ...longest("center"), pixels: 416, round: "floor" })).toEqual(size(416, 277));
    expect(scaledBy(shortest(256))).toEqual(size(383, 256));
    expect(scaledBy({ ...shortest(256), round: "floor" })).toEqual(size(383, 256));
    expect(scaledBy({ ...shortest(256), round: "round" })).toEqual(size(384, 256));
  });

  it("cuts both edges as `int(edge * r)` does, where the longer one is a little less than whole", () => {
    // 49 * (64 / 49) is 63.99999999999999 in floating point.
    const resize = { ...longest("center"), round: "floor" } as const;
    expect(fitOf(size(49, 20), { resize, crop: null }).scaled).toEqual(size(63, 26));
  });

  it("scales the shorter edge, and cuts the other one to a whole number", () => {
    const plan = { resize: shortest(256), crop: size(224, 224) };
    expect(fitOf(size(640, 427), plan)).toEqual({
      scaled: size(383, 256),
      region: { x: 79, y: 16, ...size(224, 224) },
      fill: 0,
    });
    expect(fitOf(size(427, 640), plan).scaled).toEqual(size(256, 383));
    expect(fitOf(size(300, 300), plan).scaled).toEqual(size(256, 256));
  });

  it("cuts out of the centre, which it rounds down, or to the even pixel", () => {
    const regionOf = (edge: number, round: "down" | "halfToEven") =>
      fitOf(size(edge, edge + 2), { resize: null, crop: { ...size(4, 4), round } }).region;
    expect(regionOf(5, "down")).toMatchObject({ x: 0, y: 1 });
    expect(regionOf(5, "halfToEven")).toMatchObject({ x: 0, y: 2 });
    expect(regionOf(6, "halfToEven")).toEqual(regionOf(6, "down"));
    // torchvision's border of a smaller image: the larger half is on the right and below.
    expect(regionOf(1, "halfToEven")).toMatchObject({ x: -1, y: 0 });
    expect(regionOf(1, "down")).toMatchObject({ x: -2, y: -1 });
  });

  it("scales exactly, whatever the ratio was", () => {
    const fit = fitOf(size(10, 999), { resize: { kind: "exact", width: 32, height: 16 }, crop: null });
    expect(fit).toEqual({ scaled: size(32, 16), region: { x: 0, y: 0, ...size(32, 16) }, fill: 0 });
  });

  it("takes an image as it is where nothing is said", () => {
    expect(fitOf(size(10, 20), { resize: null, crop: null })).toEqual({
      scaled: size(10, 20),
      region: { x: 0, y: 0, ...size(10, 20) },
      fill: 0,
    });
  });

  it("puts an image that is smaller than its crop into the middle of zeros", () => {
    const { region, fill } = fitOf(size(5, 9), { resize: null, crop: size(8, 6) });
    expect({ region, fill }).toEqual({ region: { x: -2, y: 1, ...size(8, 6) }, fill: 0 });
  });

  it("scales the longer edge, and lays the image where it is told in a square that is filled", () => {
    const inSquare = (image: { width: number; height: number }, place: "center" | "topLeft") =>
      fitOf(image, { resize: longest(place), crop: null });
    expect(inSquare(size(128, 66), "center")).toEqual({
      scaled: size(64, 33),
      // Half of 31 is rounded to even.
      region: { x: 0, y: -16, ...size(64, 64) },
      fill: 114,
    });
    expect(inSquare(size(66, 128), "topLeft").region).toEqual({ x: 0, y: 0, ...size(64, 64) });
    expect(inSquare(size(10_000, 3), "center").scaled).toEqual(size(64, 1));
  });
});
