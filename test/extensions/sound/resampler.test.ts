import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Rates } from "../../../extensions/sound/rates.ts";
import { Resampler } from "../../../extensions/sound/resampler.ts";
import { noise, REFERENCE } from "../../support/sound-files.ts";

function resample(sound: Float32Array, rates: Rates, pieces = [sound.length]): Float32Array {
  const resampler = new Resampler(1, rates);
  const made: number[] = [];
  let at = 0;
  for (const length of [...pieces, sound.length]) {
    made.push(...(resampler.write([sound.subarray(at, at + length)])[0] ?? []));
    at = Math.min(sound.length, at + length);
  }
  return Float32Array.from([...made, ...(resampler.end()[0] ?? [])]);
}

function farthest(made: Float32Array, expected: readonly number[], stride = 1): number {
  return Math.max(...expected.map((value, at) => Math.abs(value - (made[at * stride] ?? Number.NaN))));
}

const PAIRS = Object.entries(REFERENCE.resampled).map(([pair, expected]) => {
  const [from = 0, to = 0] = pair.split(" ").map(Number);
  return { from, to, expected };
});

/**
 * Returns true for far rates, where soxr has more than two stages. Each starts a little differently, so the
 * first samples differ by up to 1e-3.
 */
const hasManyStages = ({ from, to }: Rates) => from >= 4 * to || to > 4 * from;

describe("Resampler", () => {
  it.each(PAIRS)(
    "white noise differs from soxr by less than 1e-5, and at the start of far rates by 2e-3: $from to $to",
    ({ from, to, expected }) => {
      const made = resample(noise(Math.floor(from / 8)), { from, to });
      expect(made.length - expected.samples).toBeOneOf([0, 1]);
      const begins = hasManyStages({ from, to }) ? 4 : 0;
      const { stride } = REFERENCE;
      expect(farthest(made.subarray(begins * stride), expected.some.slice(begins), stride)).toBeLessThan(
        1e-5,
      );
      expect(farthest(made, expected.some.slice(0, begins), stride)).toBeLessThan(2e-3);
    },
  );

  it.each(PAIRS)(
    "a few samples differ from librosa by less than 1e-5, for far rates by 2e-3: $from to $to",
    ({ expected, ...rates }) => {
      for (const [length, samples] of Object.entries(expected.short)) {
        const made = resample(noise(Number(length)), rates);
        expect(made).toHaveLength(samples.length);
        expect(farthest(made, samples)).toBeLessThan(hasManyStages(rates) ? 2e-3 : 1e-5);
      }
    },
  );

  it("silence and an empty sound are resampled to silence", () => {
    const rates = { from: 44_100, to: 16_000 };
    expect(resample(new Float32Array(1000), rates)).toEqual(new Float32Array(363));
    expect(resample(new Float32Array(0), rates)).toEqual(new Float32Array(0));
  });

  it("a sound in any pieces is resampled equally", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 6 });
    const pairs = fc.constantFrom(...PAIRS);
    const property = fc.property(
      pairs,
      lengths,
      fc.integer({ min: 1, max: 5000 }),
      (rates, pieces, length) => {
        const sound = noise(length);
        const whole = resample(sound, rates);
        expect(whole).toHaveLength(Math.ceil((length * rates.to) / rates.from));
        expect(resample(sound, rates, pieces)).toEqual(whole);
      },
    );
    fc.assert(property, { numRuns: 40 });
  });

  it("channels are resampled independently", () => {
    const rates = { from: 22_050, to: 16_000 };
    const [left, right] = [noise(500), noise(1000).subarray(500)];
    const resampler = new Resampler(2, rates);
    const blocks = [resampler.write([left, right]), resampler.end()];
    const channelOf = (channel: number) =>
      Float32Array.from(blocks.flatMap((block) => [...(block[channel] ?? [])]));
    expect(channelOf(0)).toEqual(resample(left, rates));
    expect(channelOf(1)).toEqual(resample(right, rates));
  });
});
