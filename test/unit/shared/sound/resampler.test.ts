import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rates, Resampler } from "../../../../shared/sound/resampler.ts";
import { REFERENCE } from "../../../support/sound-files.ts";

async function resample(sound: Float32Array, rates: Rates, pieces = [sound.length]): Promise<Float32Array> {
  const resampler = await Resampler.open(1, rates);
  const made: number[] = [];
  let at = 0;
  for (const length of [...pieces, sound.length]) {
    made.push(...(resampler.write([sound.subarray(at, at + length)])[0] ?? []));
    at = Math.min(sound.length, at + length);
  }
  return Float32Array.from([...made, ...(resampler.end()[0] ?? [])]);
}

/** As `make.py` makes it. */
function sweep({ from, to }: Rates): Float32Array {
  const seconds = 0.25;
  const top = 0.4 * Math.min(from, to);
  const length = Math.floor(from * seconds);
  return Float32Array.from({ length }, (_, at) => {
    const time = at / from;
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / (length - 1));
    return 0.5 * Math.sin(2 * Math.PI * ((top * time ** 2) / (2 * seconds))) * window;
  });
}

const PAIRS = Object.keys(REFERENCE.resampled).map((pair) => {
  const [from = 0, to = 0] = pair.split(" ").map(Number);
  return { from, to };
});

describe("Resampler", () => {
  it.each(PAIRS)("is 80 dB and more from soxr within the band: $from to $to", async (rates) => {
    const made = await resample(sweep(rates), rates);
    const expected = REFERENCE.resampled[`${rates.from} ${rates.to}`];
    expect(made).toHaveLength(Math.ceil((sweep(rates).length * rates.to) / rates.from));
    let signal = 0;
    let noise = 0;
    for (const [at, value] of (expected?.some ?? []).entries()) {
      signal += value ** 2;
      noise += (value - (made[at * REFERENCE.stride] ?? 0)) ** 2;
    }
    expect(10 * Math.log10(signal / noise)).toBeGreaterThan(80);
  });

  it("makes the same of a sound in any pieces, and as many samples as the time wants", async () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 6 });
    const property = fc.asyncProperty(lengths, fc.integer({ min: 1, max: 5000 }), async (pieces, length) => {
      const rates = { from: 22_050, to: 16_000 };
      const sound = Float32Array.from({ length }, (_, at) => Math.sin(at * 0.3) * Math.cos(at * 0.01));
      const whole = await resample(sound, rates);
      expect(whole).toHaveLength(Math.ceil((length * rates.to) / rates.from));
      expect(await resample(sound, rates, pieces)).toEqual(whole);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});
