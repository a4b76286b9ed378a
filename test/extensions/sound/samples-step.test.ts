import { createHash } from "node:crypto";
import { Binary, type RecordBatch, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { planSamples, planSpectrogramStep } from "../../../extensions/sound/plan-samples.ts";
import type { SamplesSpec, SpectrogramStepSpec } from "../../../extensions/sound/spec.ts";
import { presetWindow } from "../../../extensions/sound/spectrogram/presets.ts";
import { present } from "../../../shared/core/assert.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { applyStep } from "../../../shared/steps/apply-step.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { mostPieceBytes, pieceRowsOf } from "../../../worker/steps/piece-rows.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { only } from "../../support/sample-table.ts";
import { batchOf } from "../../support/shard-inputs.ts";
import { noise, REFERENCE, soundFile, wavFile } from "../../support/sound-files.ts";
import { SPECTROGRAMS, spectrogramSound } from "./sound-fixtures.ts";

const { signal } = new AbortController();

type Kind = "sound" | "mel" | "stft";

function rowsOf(sounds: readonly (Uint8Array | null)[]): RecordBatch {
  return batchOf({ file: only(vectorFromArray(sounds, new Binary())) });
}

/** Plans a step by its keys, checked as in a job file. */
function planned(kind: Kind, keys: object, rows = rowsOf([])) {
  const { prepare } = mapSpec.parse({ prepare: [{ [kind]: { column: "file", ...keys } }] });
  const spec: unknown = Reflect.get(prepare[0] ?? {}, kind);
  const context = { where: "step", fields: fieldsOf(rows.schema) };
  return kind === "sound"
    ? planSamples(spec as SamplesSpec, context)
    : planSpectrogramStep(kind, spec as SpectrogramStepSpec, context);
}

function planOf(kind: Kind, keys: object, rows = rowsOf([])): StepBinding {
  const plan = planned(kind, keys, rows);
  if ("problems" in plan) throw new Error(JSON.stringify(plan.problems));
  const { data, ...rest } = plan;
  const step = kind === "sound" ? "samples" : kind;
  return { where: "step", op: { kind: "extension", step, data }, ...rest };
}

async function run(kind: Kind, sounds: readonly (Uint8Array | null)[], keys: object) {
  const rows = rowsOf(sounds);
  const plan = planOf(kind, keys, rows);
  await using step = await openStep(plan, { scratchPath: "unused", stores: NO_STORES });
  const { batch, failed } = await applyStep(step, plan, rows, signal);
  const list = (name: string, row = 0): Float32Array =>
    present(batch.getChild(name), name).get(row).toArray();
  return { failed, list, count: (name: string, row = 0) => present(batch.getChild(name), name).get(row) };
}

/** Returns a WAV of floats. */
function floatWav(samples: Float32Array, rate: number): Uint8Array {
  const head = wavFile([], { rate, format: 3, bits: 32, dataBytes: samples.byteLength });
  return Buffer.concat([head, Buffer.from(samples.buffer)]);
}

describe("the step sound", () => {
  it("makes the samples of every file that libsndfile decodes without loss", async () => {
    let checked = 0;
    for (const [name, known] of Object.entries(REFERENCE.files)) {
      if (!/\.(wav|flac)$/.test(name)) continue;
      const { rate, channels } = known;
      const { failed, list } = await run("sound", [soundFile(name)], {
        rate,
        channels,
        layout: "channelsLast",
      });
      expect(failed, name).toEqual([]);
      const samples = list("samples");
      expect(samples.length, name).toBe(known.samples * channels);
      const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
      expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(known.sha256);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(5);
  });

  it("resamples, mixes and repeats channels, and normalizes", async () => {
    const wav = wavFile([...noise(4000)], { rate: 16_000 });
    const own = await run("sound", [wav], { rate: 16_000 });
    expect(own.list("samples").length).toBe(4000);
    const half = await run("sound", [wav], { rate: 8000, channels: 2, as: "two" });
    expect(half.list("two").length).toBe(4000);
    expect(half.list("two").subarray(0, 2000)).toEqual(half.list("two").subarray(2000));
    const normalized = (await run("sound", [wav], { rate: 16_000, normalize: true })).list("samples");
    const mean = normalized.reduce((sum, value) => sum + value, 0) / normalized.length;
    const variance = normalized.reduce((sum, value) => sum + value * value, 0) / normalized.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(variance).toBeCloseTo(1, 3);
  });

  it("rows without a usable sound are dead letters with typed reasons", async () => {
    const fits = wavFile([...noise(1000)], { rate: 8000 });
    const long = wavFile([...noise(1001)], { rate: 8000 });
    const sounds = [fits, null, fits.subarray(0, 60), new Uint8Array(9), long, fits];
    const { failed, list } = await run("sound", sounds, { rate: 8000, maxBytes: "4000B" });
    expect(failed).toMatchObject([
      { row: 1, code: "ROW_NULL" },
      { row: 2, code: "ROW_VALUE", message: expect.stringContaining("cut off") },
      { row: 3, code: "ROW_VALUE" },
      { row: 4, code: "ROW_LENGTH", message: expect.stringContaining("has more than 1000 samples") },
    ]);
    expect(list("samples", 5)).toEqual(list("samples", 0));
  });

  it("a piece of rows stays within a bound, whatever the lengths of the sounds", () => {
    const columns = { where: "map.prepare", reads: [], columns: [] };
    const most = (plan: StepBinding) => pieceRowsOf([plan], columns).most;
    expect(most(planOf("sound", { rate: 16_000 }))).toBe(4);
    expect(mostPieceBytes([planOf("sound", { rate: 16_000 })], 4)).toBe(512 << 20);
    expect(most(planOf("sound", { rate: 16_000, maxSeconds: 10 }))).toBe(16);
    // Samples of an hour are in memory before their spectrogram.
    expect(most(planOf("mel", { preset: "whisper", maxBytes: "1MiB" }))).toBe(2);
    expect(most(planOf("mel", { preset: "whisper", maxSeconds: 30 }))).toBe(16);
  });
});

describe("the steps mel and stft", () => {
  it.each(SPECTROGRAMS)("$name: the numbers of $sound are the library's", async (of) => {
    const { kind, keys, rate, sound, dims, largest, stride, some } = of;
    const own = await spectrogramSound(sound);
    const samples = new Float32Array(presetWindow(keys.preset, rate) ?? own.length);
    samples.set(own);
    const { failed, list, count } = await run(kind, [floatWav(samples, rate)], { ...keys, rate });
    expect(failed).toEqual([]);
    const values = list(kind);
    expect(values.length).toBe(dims.reduce((product, dim) => product * dim, 1));
    expect(dims).toContain(count(`${kind}_frames`));
    const off = some.map((value, at) => Math.abs(value - (values[at * stride] ?? Number.NaN)));
    expect(Math.max(...off) / largest).toBeLessThan(1e-5);
  });

  it("a spectrogram above the limit, and a sound shorter than a frame, are dead letters", async () => {
    const sounds = [
      wavFile([...noise(4000)], { rate: 8000 }),
      wavFile([...noise(400)], { rate: 8000 }),
      wavFile([0.1], { rate: 8000 }),
    ];
    const keys = { preset: "librosa", nFft: 256, pad: "none", rate: 8000, maxBytes: "2KiB" };
    const { failed, count } = await run("stft", sounds, keys);
    expect(failed).toMatchObject([
      { row: 0, code: "ROW_LENGTH", message: expect.stringContaining("more than `maxBytes`, 2.0 KiB") },
      { row: 1, code: "ROW_LENGTH" },
      { row: 2, code: "ROW_LENGTH", message: expect.stringContaining("fewer than a frame of 256") },
    ]);
    expect(count("stft_frames", 0)).toBe(0);
  });

  it("keys of a spectrogram have the rules of the input", () => {
    const problemOf = (keys: object) =>
      mapSpec.safeParse({ prepare: [{ mel: { column: "file", ...keys } }] }).error?.issues[0];
    expect(problemOf({ preset: "librosa" })).toBeUndefined();
    expect(problemOf({})).toMatchObject({ path: ["prepare", 0, "mel", "preset"] });
    expect(problemOf({ preset: "librosa", floor: 1 })).toMatchObject({
      path: ["prepare", 0, "mel", "floor"],
    });
    expect(planned("mel", { preset: "librosa", rate: 8000, fMax: 5000 })).toMatchObject({
      problems: [{ where: "step", found: "5000" }],
    });
  });

  it("a step makes no column twice", () => {
    expect(planned("mel", { preset: "librosa", as: "file" })).toMatchObject({
      problems: [{ where: "step" }],
    });
    expect(planned("stft", { preset: "librosa", column: "files" })).toMatchObject({
      problems: [{ where: "step.column" }],
    });
  });
});

for (const [name, kind, keys] of [
  ["sounds to samples", "sound", { rate: 8000, maxSeconds: 10 }],
  [
    "sounds to mels",
    "mel",
    { preset: "librosa", rate: 8000, nFft: 64, hop: 90, mels: 4, layout: "framesFirst" },
  ],
] as const) {
  stepContract(name, async () => {
    const files = ["s16.wav", "mono.ogg", "s24.flac", "stereo.mp3", "mono.opus"];
    const rows = rowsOf(
      Array.from({ length: 20 }, (_, row) => {
        const bytes = soundFile(files[row % files.length] ?? "");
        return row % 7 === 3 ? null : row % 6 === 5 ? bytes.subarray(0, 100) : bytes;
      }),
    );
    const plan = planOf(kind, keys, rows);
    return { plan, open: (options) => openStep(plan, options), rows };
  });
}
