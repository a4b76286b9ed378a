import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fitOf, placeOf } from "../../../extensions/image/fit.ts";
import type { ImageResize } from "../../../extensions/image/op.ts";
import { type PicturePlace, placeNumbers, putInPicture } from "../../../shared/boxes/place.ts";

const size = (width: number, height: number) => ({ width, height });
const shortest = (pixels: number) => ({ kind: "shortestEdge", pixels }) as const;
const longest = (place: "center" | "topLeft") =>
  ({ kind: "longestEdge", pixels: 64, pad: 114, place }) as const;

describe("fitOf", () => {
  it("the other edge is cut or rounded as the job sets", () => {
    const scaledBy = (resize: ImageResize) => fitOf(size(640, 427), { resize, crop: null }).scaled;
    // 427 * 416 / 640 is 277.55, and 640 * 256 / 427 is 383.7.
    expect(scaledBy({ ...longest("center"), pixels: 416 })).toEqual(size(416, 278));
    expect(scaledBy({ ...longest("center"), pixels: 416, round: "round" })).toEqual(size(416, 278));
    expect(scaledBy({ ...longest("center"), pixels: 416, round: "floor" })).toEqual(size(416, 277));
    expect(scaledBy(shortest(256))).toEqual(size(383, 256));
    expect(scaledBy({ ...shortest(256), round: "floor" })).toEqual(size(383, 256));
    expect(scaledBy({ ...shortest(256), round: "round" })).toEqual(size(384, 256));
  });

  it("`floor` cuts both edges like `int(edge * r)`, even if the longer edge is just below a whole number", () => {
    // 49 * (64 / 49) is 63.99999999999999 in floating point.
    const resize = { ...longest("center"), round: "floor" } as const;
    expect(fitOf(size(49, 20), { resize, crop: null }).scaled).toEqual(size(63, 26));
  });

  it("the shorter edge is scaled, and the other edge is cut to a whole number", () => {
    const plan = { resize: shortest(256), crop: size(224, 224) };
    expect(fitOf(size(640, 427), plan)).toEqual({
      scaled: size(383, 256),
      region: { x: 79, y: 16, ...size(224, 224) },
      fill: 0,
    });
    expect(fitOf(size(427, 640), plan).scaled).toEqual(size(256, 383));
    expect(fitOf(size(300, 300), plan).scaled).toEqual(size(256, 256));
  });

  it("the centre of a crop is rounded down or to the even pixel", () => {
    const regionOf = (edge: number, round: "down" | "halfToEven") =>
      fitOf(size(edge, edge + 2), { resize: null, crop: { ...size(4, 4), round } }).region;
    expect(regionOf(5, "down")).toMatchObject({ x: 0, y: 1 });
    expect(regionOf(5, "halfToEven")).toMatchObject({ x: 0, y: 2 });
    expect(regionOf(6, "halfToEven")).toEqual(regionOf(6, "down"));
    // torchvision's border of a smaller image: the larger half is on the right and below.
    expect(regionOf(1, "halfToEven")).toMatchObject({ x: -1, y: 0 });
    expect(regionOf(1, "down")).toMatchObject({ x: -2, y: -1 });
  });

  it("an exact size is reached regardless of the original ratio", () => {
    const fit = fitOf(size(10, 999), { resize: { kind: "exact", width: 32, height: 16 }, crop: null });
    expect(fit).toEqual({ scaled: size(32, 16), region: { x: 0, y: 0, ...size(32, 16) }, fill: 0 });
  });

  it("an image keeps its size where no resize or crop is set", () => {
    expect(fitOf(size(10, 20), { resize: null, crop: null })).toEqual({
      scaled: size(10, 20),
      region: { x: 0, y: 0, ...size(10, 20) },
      fill: 0,
    });
  });

  it("an image smaller than its crop is centred on zeros", () => {
    const { region, fill } = fitOf(size(5, 9), { resize: null, crop: size(8, 6) });
    expect({ region, fill }).toEqual({ region: { x: -2, y: 1, ...size(8, 6) }, fill: 0 });
  });

  it("the longer edge is scaled, and the image is placed as set in a filled square", () => {
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

describe("the place of an image", () => {
  /** Boxes that Ultralytics and YOLOX put back: see `make-boxes.py`. */
  const reference: {
    readonly corners: readonly (readonly number[])[];
    readonly places: readonly {
      readonly round: "round" | "floor";
      readonly width: number;
      readonly height: number;
      readonly corners: readonly (readonly number[])[];
    }[];
  } = JSON.parse(readFileSync(new URL("../../support/decoders/boxes.json", import.meta.url), "utf8"));

  const inImage = (corners: readonly (readonly number[])[], place: PicturePlace) => {
    const flat = corners.flat();
    putInPicture(flat, placeNumbers(place), corners.length);
    return corners.map((_, index) => flat.slice(4 * index, 4 * index + 4));
  };

  it.each(reference.places)("boxes of $width x $height, $round, are those of the makers", (image) => {
    const { round } = image;
    const resize = { ...longest(round === "floor" ? "topLeft" : "center"), round };
    const found = inImage(reference.corners, placeOf(image, { resize, crop: null }));
    // The makers compute in float32.
    const near = (value: number) => expect.closeTo(value, value > 1000 ? 2 : 3);
    expect(found).toEqual(image.corners.map((box) => box.map(near)));
  });

  it("stretched and cropped images have a scale for each edge, and the start of the crop", () => {
    const stretched = placeOf(size(200, 50), { resize: { kind: "exact", ...size(64, 64) }, crop: null });
    expect(inImage([[0, 0, 32, 64]], stretched)).toEqual([[0, 0, 100, 50]]);
    const cropped = placeOf(size(200, 100), { resize: shortest(50), crop: size(40, 40) });
    expect(inImage([[0, 0, 40, 40]], cropped)).toEqual([[60, 10, 140, 90]]);
  });
});
