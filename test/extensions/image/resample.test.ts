import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RESAMPLES } from "../../../extensions/image/op.ts";
import type { Pixels, Region } from "../../../extensions/image/pixels.ts";
import { resampled } from "../../../extensions/image/resample.ts";
import { digestOf, PILLOW } from "../../support/image-files.ts";
import { pixelsOf } from "./image-fixtures.ts";

const whole = ({ width, height }: { width: number; height: number }): Region => ({
  ...{ x: 0, y: 0 },
  ...{ width, height },
});

function cutOf({ data, width, channels }: Pixels, region: Region): number[] {
  const rows = Array.from({ length: region.height }, (_, row) => {
    const start = ((region.y + row) * width + region.x) * channels;
    return [...data.subarray(start, start + region.width * channels)];
  });
  return rows.flat();
}

function upperLeft(image: Pixels, size: { width: number; height: number }): Pixels {
  return { ...image, ...size, data: Uint8Array.from(cutOf(image, whole(size))) };
}

describe("resampled", () => {
  it.each(Object.entries(PILLOW.resized))(
    "scaling gives the same bytes as Pillow or OpenCV: %s",
    async (key, known) => {
      const [name = "", width = 0, height = 0] = key.split(" ");
      const size = { width: Number(width), height: Number(height) };
      const resample = RESAMPLES.find((one) => one === name) ?? "nearest";
      expect(resample).toBe(name);
      for (const channels of ["rgb", "gray"] as const) {
        const image = await pixelsOf("rgb.png", channels);
        const source = size.width === 30 ? upperLeft(image, { width: 60, height: 42 }) : image;
        const scaled = resampled(source, size, resample, whole(size));
        expect(scaled).toMatchObject(size);
        expect(digestOf(scaled.data), channels).toBe(known[channels]);
      }
    },
  );

  it("a scaled region equals the same region of the whole scaled image", async () => {
    const images = [await pixelsOf("rgb.png"), await pixelsOf("rgb.png", "gray")];
    const edges = fc.record({
      size: fc.integer({ min: 1, max: 90 }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const property = fc.property(
      fc.constantFrom(...images),
      fc.constantFrom(...RESAMPLES),
      fc.tuple(edges, edges, fc.nat(89), fc.nat(89)),
      (image, resample, [across, down, wide, high]) => {
        const size = { width: across.size, height: down.size };
        const [x, y] = [Math.floor(across.at * (size.width - 1)), Math.floor(down.at * (size.height - 1))];
        const region = { x, y, width: 1 + (wide % (size.width - x)), height: 1 + (high % (size.height - y)) };
        const part = resampled(image, size, resample, region);
        expect([...part.data]).toEqual(cutOf(resampled(image, size, resample, whole(size)), region));
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});
