import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Taps, tapsOf } from "../../../extensions/image/filters.ts";
import { lineScaler } from "../../../extensions/image/line-scaler.ts";
import type { Pixels } from "../../../extensions/image/pixels.ts";
import { resampled } from "../../../extensions/image/resample.ts";
import { lcg } from "../../support/onnx-model.ts";

/** Fractional bits of Pillow's weights. */
const WEIGHT_BITS = 22;

/**
 * Noise with a prime length, so that lines differ. Many values are black or white, so that sums with negative
 * weights leave 0 to 255.
 */
const NOISE = Uint8ClampedArray.from(
  { length: 65_521 },
  (
    (random) => () =>
      600 * random() - 150
  )(lcg(7)),
);

function noise(width: number, height: number, channels: 1 | 3): Pixels {
  const data = new Uint8Array(width * height * channels);
  for (let at = 0; at < data.length; at += NOISE.length) data.set(NOISE.subarray(0, data.length - at), at);
  return { width, height, channels, data };
}

/** Computes the result of `taps` for values `step` apart, in the plainest way. */
function summed(data: Uint8Array, at: number, step: number, taps: Taps, pixel: number): number {
  let sum = 2 ** (WEIGHT_BITS - 1);
  const [start = 0, end = 0] = taps.offsets.subarray(pixel, pixel + 2);
  for (let tap = start; tap < end; tap += 1) {
    const place = (taps.first[pixel] ?? 0) + tap - start;
    sum += (data[at + place * step] ?? Number.NaN) * (taps.weights[tap] ?? Number.NaN);
  }
  return Math.min(255, Math.max(0, Math.floor(sum / 2 ** WEIGHT_BITS)));
}

function plainAcross({ data, width, height, channels }: Pixels, taps: Taps): Uint8Array {
  const pixels = taps.first.length;
  return Uint8Array.from({ length: pixels * height * channels }, (_, index) => {
    const [channel, pixel] = [index % channels, Math.floor(index / channels) % pixels];
    const row = Math.floor(index / (channels * pixels));
    return summed(data, row * width * channels + channel, channels, taps, pixel);
  });
}

function plainDown({ data, width, channels }: Pixels, taps: Taps): Uint8Array {
  const lineBytes = width * channels;
  return Uint8Array.from({ length: taps.first.length * lineBytes }, (_, index) =>
    summed(data, index % lineBytes, lineBytes, taps, Math.floor(index / lineBytes)),
  );
}

const FILTERS = ["bilinear", "bicubic", "lanczos"] as const;
type Direction = "across" | "down";

/** Scales a whole image in one direction, from the first source pixel of `taps` on. */
function scaled(image: Pixels, direction: Direction, taps: Taps): Pixels {
  const [start = 0] = taps.first;
  const { width, height } = image;
  const region =
    direction === "across"
      ? { x: start, y: 0, width: width - start, height }
      : { x: 0, y: start, width, height: height - start };
  return lineScaler().scale(image, region, [{ direction, taps }]);
}

function plain(image: Pixels, direction: Direction, taps: Taps): Uint8Array {
  return direction === "across" ? plainAcross(image, taps) : plainDown(image, taps);
}

/** Copies an image into the scaler's memory, as a decoder would write it. */
function inMemory(image: Pixels): Pixels {
  const data = lineScaler().frame(image.data.length);
  data.set(image.data);
  return { ...image, data };
}

describe("LineScaler", () => {
  it("scaled lines equal those of one value at a time, for any filter, size, part and place", () => {
    const edge = fc.integer({ min: 1, max: 60 });
    const property = fc.property(
      fc.constantFrom(...FILTERS),
      fc.record({ from: edge, to: edge, other: edge, cut: fc.nat(59), end: fc.nat(59) }),
      fc.constantFrom(1 as const, 3 as const),
      fc.boolean(),
      (filter, { from, to, other, cut, end }, channels, isDecoded) => {
        const start = cut % to;
        const taps = tapsOf(filter, from, to, [start, start + 1 + (end % (to - start))]);
        const wide = noise(from, other, channels);
        const high = noise(other, from, channels);
        for (const [direction, image] of [["across", wide] as const, ["down", high] as const]) {
          const given = isDecoded ? inMemory(image) : image;
          const { data } = scaled(given, direction, taps);
          expect(Buffer.compare(data, plain(image, direction, taps)), direction).toBe(0);
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  it("both directions follow each other in any order, and a decoded image stays as it was", () => {
    const image = noise(50, 40, 3);
    const across = tapsOf("lanczos", 50, 21, [0, 21]);
    const down = tapsOf("bicubic", 40, 55, [0, 55]);
    const region = { x: 0, y: 0, width: 50, height: 40 };
    const scaler = lineScaler();
    const given = inMemory(image);
    const steps = [
      { direction: "across", taps: across },
      { direction: "down", taps: down },
    ] as const;
    const wide = { width: 21, height: 40, channels: 3, data: plainAcross(image, across) } as const;
    expect([...scaler.scale(given, region, steps).data]).toEqual([...plainDown(wide, down)]);
    const high = { width: 50, height: 55, channels: 3, data: plainDown(image, down) } as const;
    const turned = scaler.scale(inMemory(image), region, steps.toReversed());
    expect([...turned.data]).toEqual([...plainAcross(high, across)]);
    const again = inMemory(image);
    scaler.scale(again, region, steps);
    expect([...again.data]).toEqual([...image.data]);
  });

  it("weights of all sizes keep their bits: black, white and sums outside 0 to 255", () => {
    for (const filter of FILTERS) {
      for (const [from, to] of [
        [1, 64],
        [3, 4],
        [64, 1],
        [999, 2],
      ] as const) {
        const taps = tapsOf(filter, from, to, [0, to]);
        const image = noise(from, 3, 3);
        const { data } = scaled(image, "across", taps);
        expect(Buffer.compare(data, plainAcross(image, taps)), `${filter} ${from} ${to}`).toBe(0);
      }
    }
  });

  it("a line of a million pixels, and a pixel averaged from thousands of lines, fit", () => {
    const long = noise(1_500_000, 1, 3);
    const across = tapsOf("bilinear", long.width, 5, [0, 5]);
    const line = { width: 5, height: 1 };
    expect(resampled(long, line, "bilinear", { x: 0, y: 0, ...line }).data).toEqual(
      plainAcross(long, across),
    );
    const high = noise(2_000, 2_500, 1);
    const down = tapsOf("bilinear", high.height, 1, [0, 1]);
    const flat = { width: high.width, height: 1 };
    const found = resampled(high, flat, "bilinear", { x: 0, y: 0, ...flat }).data;
    expect(Buffer.compare(found, plainDown(high, down))).toBe(0);
  });

  it("images of one size use the same memory, and a decoded image is scaled where it lies", () => {
    const taps = tapsOf("bilinear", 300, 100, [0, 100]);
    const image = noise(300, 200, 3);
    const memories = new Set<ArrayBufferLike>();
    for (let round = 0; round < 3; round += 1) {
      const given = inMemory(image);
      const found = scaled(given, "across", taps);
      memories.add(found.data.buffer);
      expect(given.data.byteOffset).toBe(0);
      expect(found.data.byteOffset).toBeGreaterThanOrEqual(image.data.length);
    }
    // The first image lets the memory grow.
    expect(memories.size).toBeLessThanOrEqual(2);
  });

  it("the memory of a very large image is not kept for small ones", () => {
    const scaler = lineScaler();
    expect(scaler.frame(40 << 20).buffer.byteLength).toBeGreaterThan(40 << 20);
    expect(scaler.frame(20 << 20).buffer.byteLength).toBeGreaterThan(40 << 20);
    expect(scaler.frame(1 << 20).buffer.byteLength).toBeGreaterThan(40 << 20);
    expect(scaler.frame(1 << 20).buffer.byteLength).toBeLessThan(2 << 20);
  });

  it("pixels from before the memory grew are refused", () => {
    const stale = inMemory(noise(20, 20, 3));
    lineScaler().frame(stale.data.buffer.byteLength + 1);
    const taps = tapsOf("bilinear", 20, 10, [0, 10]);
    expect(() => scaled(stale, "across", taps)).toThrow("pixels are valid");
  });
});
