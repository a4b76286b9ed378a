import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Taps, tapsOf, WEIGHT_BITS } from "../../../extensions/image/filters.ts";
import type { Pixels } from "../../../extensions/image/pixels.ts";
import { resampled } from "../../../extensions/image/resample.ts";
import { lineScaler } from "../../../extensions/image/resample-simd.ts";
import { lcg } from "../../support/onnx-model.ts";

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

describe("scaling several values at a time", () => {
  it("scaled lines equal those of one value at a time, for any filter, size and part", () => {
    const edge = fc.integer({ min: 1, max: 60 });
    const property = fc.property(
      fc.constantFrom(...FILTERS),
      fc.record({ from: edge, to: edge, other: edge, cut: fc.nat(59) }),
      fc.constantFrom(1 as const, 3 as const),
      (filter, { from, to, other, cut }, channels) => {
        const taps = tapsOf(filter, from, to, [cut % to, to]);
        const wide = noise(from, other, 3);
        const across = new Uint8Array(3 * taps.first.length * other);
        expect(lineScaler().across(wide, taps, across)).toBe(true);
        expect(Buffer.compare(across, plainAcross(wide, taps))).toBe(0);
        const high = noise(other, from, channels);
        const down = new Uint8Array(channels * taps.first.length * other);
        expect(lineScaler().down(high, 0, taps, down)).toBe(true);
        expect(Buffer.compare(down, plainDown(high, taps))).toBe(0);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  it("an image that does not fit at once is scaled with the same result", () => {
    const image = noise(2_000, 900, 3);
    const taps = tapsOf("lanczos", 2_000, 70, [0, 70]);
    const out = new Uint8Array(3 * 70 * 900);
    expect(lineScaler().across(image, taps, out)).toBe(true);
    expect(Buffer.compare(out, plainAcross(image, taps))).toBe(0);
  });

  it("lines that do not fit are left to the caller, with the same result", () => {
    const long = noise(1_500_000, 1, 3);
    const across = tapsOf("bilinear", long.width, 5, [0, 5]);
    expect(lineScaler().across(long, across, new Uint8Array(15))).toBe(false);
    const line = { width: 5, height: 1 };
    expect(resampled(long, line, "bilinear", { x: 0, y: 0, ...line }).data).toEqual(
      plainAcross(long, across),
    );
    const high = noise(20_000, 250, 1);
    const down = tapsOf("bilinear", high.height, 1, [0, 1]);
    expect(lineScaler().down(high, 0, down, new Uint8Array(high.width))).toBe(false);
    const flat = { width: high.width, height: 1 };
    const found = resampled(high, flat, "bilinear", { x: 0, y: 0, ...flat }).data;
    expect(Buffer.compare(found, plainDown(high, down))).toBe(0);
  });
});
