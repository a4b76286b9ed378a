import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { FeaturePlanner } from "../../shared/extension/feature.ts";
import { type SoundFacts, type SoundPlan, valuesPerWindow, WINDOW_COLUMNS } from "./op.ts";
import { planSounds, type ReportSound } from "./plan-sounds.ts";
import { planSpectrograms } from "./plan-spectrograms.ts";
import type { SoundSpec } from "./spec.ts";

const INT32: FieldType = { kind: "numeric", type: "int32" };
const FLOAT32: FieldType = { kind: "numeric", type: "float32" };
const FLOAT64: FieldType = { kind: "numeric", type: "float64" };

type Report = Parameters<FeaturePlanner>[1]["report"];

/** Plans a column of sounds as the values of a tensor, or as a row for each window. */
export const planSoundInput: FeaturePlanner = (said, { column, tensor, scale, folder, report }) => {
  const spec = withFolderSound(said as unknown as SoundSpec, folder, report);
  const fitsRange = isInRange(tensor, scale, report);
  const isSpectrogram = spec.mel !== undefined || spec.stft !== undefined;
  const planned = (isSpectrogram ? planSpectrograms : planSounds)(spec, tensor, report);
  if (planned === null || !fitsRange) return null;
  const { plan, rowDims } = planned;
  return { data: { samples: column, ...plan }, rowDims, columns: madeBy(plan, column) };
};

function madeBy(plan: SoundPlan, samples: string): readonly Field[] {
  const made = { nullable: false };
  const { windows } = plan;
  if (windows === null) return [{ name: samples, type: { kind: "list", item: FLOAT32 }, ...made }];
  const length = valuesPerWindow(plan, windows);
  const [part, start, end] = WINDOW_COLUMNS;
  return [
    { name: samples, type: { kind: "fixedList", item: FLOAT32, length }, ...made },
    { name: part, type: INT32, ...made },
    { name: start, type: FLOAT64, ...made },
    { name: end, type: FLOAT64, ...made },
  ];
}

/** Fills in the keys of `sound` that the job omits, from the model's folder. */
function withFolderSound(sound: SoundSpec, folder: ModelFolder | null, report: ReportSound): SoundSpec {
  for (const { about, where, what, found } of folder?.doubts ?? []) {
    const key = where.endsWith("do_normalize") ? "normalize" : "rate";
    if (about !== "sound" || sound[key] !== undefined) continue;
    report([], {
      what: `the model's folder does not say clearly how sounds are prepared: ${where} ${what}`,
      expected: `\`${key}\` here`,
      found,
    });
  }
  const facts: Partial<SoundFacts> = folder?.facts.features.sound ?? {};
  const { rate = null, normalize = null } = facts;
  return { ...(rate === null ? {} : { rate }), ...(normalize === null ? {} : { normalize }), ...sound };
}

/** Checks that the tensor can hold samples. They are between -1 and 1, so integers would lose them. */
function isInRange({ name, dtype }: TensorInfo, scale: number, report: Report): boolean {
  if (dtype.startsWith("float") || scale !== 1) return true;
  report(null, {
    what: `samples lie between -1 and 1, and the model's input \`${name}\` does not take floats`,
    expected: "floats, or `scale`, such as 32767 for 16-bit integers",
    found: dtype,
  });
  return false;
}
