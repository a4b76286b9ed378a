import { Binary, Int32, type RecordBatch, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { type SoundPlan, valuesPerWindow } from "../../../extensions/sound/op.ts";
import { planSpectrogram } from "../../../extensions/sound/spectrogram/presets.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { applyStep } from "../../../shared/steps/apply-step.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { only, tableOf } from "../../support/sample-table.ts";
import { batchOf } from "../../support/shard-inputs.ts";
import { soundFile, wavFile } from "../../support/sound-files.ts";

const FILES = ["s16.wav", "mono.ogg", "s24.flac", "stereo.mp3", "mono.opus"];

/** Returns rows with sounds, truncated ones, and nulls. */
function someRows(): RecordBatch {
  const cells = Array.from({ length: 20 }, (_, row) => {
    if (row % 7 === 3) return null;
    const bytes = soundFile(FILES[row % FILES.length] ?? "");
    return row % 6 === 5 ? bytes.subarray(0, 100) : bytes;
  });
  const [batch] = tableOf({
    id: only(vectorFromArray([...cells.keys()], new Int32())),
    sound: only(vectorFromArray(cells, new Binary())),
  }).batches;
  if (batch === undefined) throw new Error("expected one record batch");
  return batch;
}

const FLOATS: FieldType = { kind: "numeric", type: "float32" };
const SECONDS: FieldType = { kind: "numeric", type: "float64" };

function planOf(
  rows: RecordBatch,
  windows: SoundPlan["windows"],
  spectrogram: SoundPlan["spectrogram"] | null = null,
): StepBinding {
  const transform = spectrogram === null ? {} : { spectrogram };
  const plan = { rate: 8000, channels: 1, mix: true, windows, normalize: true, maxSeconds: 10, ...transform };
  const made: readonly (readonly [string, FieldType])[] =
    windows === null
      ? [["samples", { kind: "list", item: FLOATS }]]
      : [
          ["samples", { kind: "fixedList", item: FLOATS, length: valuesPerWindow(plan, windows) }],
          ["part", { kind: "numeric", type: "int32" }],
          ["start", SECONDS],
          ["end", SECONDS],
        ];
  return {
    where: "map.inputs.x.sound",
    op: {
      ...{ kind: "feature", feature: "sound", cells: { kind: "bytes" } },
      data: { samples: "samples", layout: "channelsFirst", ...plan },
    },
    files: [],
    reads: ["sound"],
    columns: [
      ...fieldsOf(rows.schema).map((field) => ({ ...field, from: field.name })),
      ...made.map(([name, type]) => ({ name, type, nullable: false, from: null })),
    ],
  };
}

test("the step reports the sounds with a filled window, except dead-lettered sounds", async () => {
  const wav = (samples: number) => wavFile(Array(samples).fill(0.25), { rate: 8000 });
  const sounds = [wav(300), wav(100), new Uint8Array(3), wav(500), wav(499)];
  const rows = batchOf({ sound: only(vectorFromArray(sounds, new Binary())) });
  const windows = { window: 300, hop: 200, context: 0 } as const;
  const { signal } = new AbortController();
  const filledBy = async (pad: "zeros" | "repeat" | "drop") => {
    const plan = planOf(rows, { ...windows, pad });
    await using step = await openStep(plan, { scratchPath: "unused", stores: NO_STORES });
    return (await applyStep(step, plan, rows, signal)).noted.rowsFilled;
  };
  expect(await filledBy("zeros")).toEqual([1, 4]);
  expect(await filledBy("repeat")).toEqual([1, 4]);
  expect(await filledBy("drop")).toEqual([]);
});

const MEL = planSpectrogram("mel", { preset: "librosa", nFft: 64, hop: 90, mels: 4 }, 8000);
const STFT = planSpectrogram("stft", { preset: "librosa", nFft: 16, hop: 90, pad: "none" }, 8000);

for (const [name, windows, spectrogram] of [
  ["whole sounds", null, null],
  ["windows of sounds", { window: 300, hop: 200, context: 20, pad: "zeros" }, null],
  ["windows of sounds that are repeated", { window: 4000, hop: 4000, context: 0, pad: "repeat" }, null],
  ["mel spectrograms of whole sounds", null, { ...MEL, layout: "framesFirst" }],
  ["mel spectrograms of windows", { window: 300, hop: 200, context: 20, pad: "zeros" }, MEL],
  ["complex spectrograms of windows", { window: 300, hop: 300, context: 0, pad: "drop" }, STFT],
] as const) {
  stepContract(name, async () => {
    const rows = someRows();
    const plan = planOf(rows, windows, spectrogram);
    return { plan, open: (options) => openStep(plan, options), rows };
  });
}

test("a sound shorter than a frame is a dead letter", async () => {
  const sounds = [wavFile(Array(15).fill(0.1), { rate: 8000 }), wavFile(Array(16).fill(0.1), { rate: 8000 })];
  const rows = batchOf({ sound: only(vectorFromArray(sounds, new Binary())) });
  const plan = planOf(rows, null, { ...STFT, layout: "framesFirst" });
  await using step = await openStep(plan, { scratchPath: "unused", stores: NO_STORES });
  const { failed, made } = await step.run(rows, new AbortController().signal);
  expect(failed).toEqual([
    {
      row: 0,
      code: "ROW_LENGTH",
      message: "the sound in column `sound` has 15 samples at 8000 a second, fewer than a frame of 16",
    },
  ]);
  expect(made.getChildAt(0)?.get(1)?.length).toBe(2 * 9);
});
