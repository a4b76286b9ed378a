import { describe, expect, it } from "vitest";
import {
  countFrames,
  type SpectrogramPlan,
  samplesOfFrames,
  spectrogramDims,
  valuesPerFrame,
} from "../../../../extensions/sound/spectrogram/op.ts";
import { planSpectrogram, presetWindow } from "../../../../extensions/sound/spectrogram/presets.ts";
import { Spectrogram } from "../../../../extensions/sound/spectrogram/spectrogram.ts";
import { noise } from "../../../support/sound-files.ts";
import { SPECTROGRAMS, spectrogramSound } from "../sound-fixtures.ts";

function spectrogram(samples: Float32Array, plan: SpectrogramPlan): Float32Array {
  const values = new Float32Array(countFrames(samples.length, plan) * valuesPerFrame(plan));
  for (const _ of new Spectrogram(plan).write(samples, { values, at: 0 }));
  return values;
}

describe("Spectrogram", () => {
  it.each(SPECTROGRAMS)("$name: $sound differs by less than 1e-5 of the largest value", async (on) => {
    const plan = planSpectrogram(on.kind, on.keys, on.rate);
    const sound = await spectrogramSound(on.sound);
    const samples = new Float32Array(presetWindow(on.keys.preset, on.rate) ?? sound.length);
    samples.set(sound);
    const made = spectrogram(samples, plan);
    expect(spectrogramDims(plan, countFrames(samples.length, plan))).toEqual(on.dims);
    expect(on.some.length).toBeGreaterThanOrEqual(20);
    const differences = on.some.map((value, at) => Math.abs(value - (made[at * on.stride] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(1e-5 * on.largest);
  });

  it("the layout changes the order of values only", () => {
    for (const values of ["power", "complexLast", "complexFirst"] as const) {
      const plan = planSpectrogram("stft", { preset: "librosa", nFft: 64, values }, 16_000);
      const parts = values === "power" ? 1 : 2;
      const samples = noise(500);
      const [frames, bins] = [countFrames(500, plan), 33];
      const byBin = spectrogram(samples, plan);
      const byFrame = spectrogram(samples, { ...plan, layout: "framesFirst" });
      const [outer, inner] = values === "complexFirst" ? [2, 1] : [1, parts];
      for (let at = 0; at < byBin.length; at += 1) {
        const part = values === "complexFirst" ? Math.floor(at / (frames * bins)) : at % inner;
        const place = values === "complexFirst" ? at % (frames * bins) : Math.floor(at / inner);
        const [bin, frame] = [Math.floor(place / frames), place % frames];
        const to =
          outer === 2 ? part * frames * bins + frame * bins + bin : (frame * bins + bin) * inner + part;
        expect(byFrame[to]).toBe(byBin[at]);
      }
    }
  });

  it.each(["reflect", "zeros", "none"] as const)("the fewest samples of frames give them, pad %s", (pad) => {
    for (const dropLast of [false, true]) {
      const plan = planSpectrogram("mel", { preset: "whisper", pad, dropLast }, 16_000);
      for (const frames of [1, 2, 3, 100]) {
        const samples = samplesOfFrames(frames, plan);
        expect(countFrames(samples, plan)).toBe(frames);
        if (samples > 1) expect(countFrames(samples - 1, plan)).toBe(frames - 1);
      }
    }
  });

  it("silence gives the floor, and no NaN", () => {
    const mel = planSpectrogram("mel", { preset: "whisper" }, 16_000);
    expect(new Set(spectrogram(new Float32Array(1600), mel))).toEqual(new Set([-1.5]));
    const db = planSpectrogram("mel", { preset: "librosa", log: "db", reference: "max" }, 16_000);
    expect(new Set(spectrogram(new Float32Array(1600), db))).toEqual(new Set([0]));
  });

  it("one sample, and a long sound in turns, have a spectrogram", () => {
    const plan = planSpectrogram("mel", { preset: "torchaudio", hop: 10, mels: 4 }, 16_000);
    expect(spectrogram(noise(1), plan).every(Number.isFinite)).toBe(true);
    const values = new Float32Array(countFrames(20_000, plan) * 4);
    const turns = [...new Spectrogram(plan).write(noise(20_000), { values, at: 0 })];
    expect(turns).toHaveLength(Math.floor(2001 / 512));
  });
});
