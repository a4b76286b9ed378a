import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RealFft } from "../../../../extensions/sound/spectrogram/fft.ts";
import { canTransform } from "../../../../extensions/sound/spectrogram/op.ts";
import { noise } from "../../../support/sound-files.ts";

/** Computes one frequency by the definition of the transform. */
function frequency(signal: Float64Array, bin: number): readonly [re: number, im: number] {
  const sum = [0, 0] satisfies [number, number];
  for (const [at, value] of signal.entries()) {
    const angle = (-2 * Math.PI * ((at * bin) % signal.length)) / signal.length;
    sum[0] += value * Math.cos(angle);
    sum[1] += value * Math.sin(angle);
  }
  return sum;
}

function transformed(signal: Float64Array) {
  const bins = Math.floor(signal.length / 2) + 1;
  const [re, im] = [new Float64Array(bins), new Float64Array(bins)];
  new RealFft(signal.length).transform(signal, re, im);
  return { re, im };
}

describe("RealFft", () => {
  it("a transform of any supported length is that of the definition", () => {
    const lengths = fc.integer({ min: 2, max: 700 }).filter(canTransform);
    const property = fc.property(lengths, (length) => {
      const signal = Float64Array.from(noise(length));
      const { re, im } = transformed(signal);
      for (const bin of re.keys()) {
        const [expectedRe, expectedIm] = frequency(signal, bin);
        expect(re[bin]).toBeCloseTo(expectedRe, 10);
        expect(im[bin]).toBeCloseTo(expectedIm, 10);
      }
    });
    fc.assert(property, { numRuns: 60, examples: [[400], [321], [512], [2], [3], [127], [254]] });
  });

  it("another transform by the same plan is not affected by the first", () => {
    const fft = new RealFft(400);
    const [loud, quiet] = [noise(400), new Float64Array(400)];
    const [re, im] = [new Float64Array(201), new Float64Array(201)];
    fft.transform(Float64Array.from(loud), re, im);
    fft.transform(quiet, re, im);
    expect([...re, ...im].every((value) => value === 0)).toBe(true);
  });

  it("lengths with a large prime factor are unsupported", () => {
    expect([1, 131, 2 * 131, 65_521].some(canTransform)).toBe(false);
    expect([2, 127, 400, 441, 1102, 65_536].every(canTransform)).toBe(true);
  });
});
