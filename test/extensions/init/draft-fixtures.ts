import { draftFor } from "../../../extensions/init/draft-job.ts";
import { NO_SAMPLE } from "../../../extensions/init/sample/data-sample.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import { loadPlanners, loadStepDrafts, loadWays } from "../../../shared/domain/features.ts";
import type { ClassNames } from "../../../shared/domain/hugging-face.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { FolderFacts, ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { TextCause } from "../../../shared/domain/text-cause.ts";
import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";
import { aModel, fields, fixedList, numeric } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";

/** Parts that `init` loads of features. */
export const LOADED = {
  planners: await loadPlanners(),
  ways: await loadWays(),
  stepDrafts: await loadStepDrafts(),
};

export const text: FieldType = { kind: "string" };
export const bytes: FieldType = { kind: "binary" };
export const int = numeric("int64");

export function aFolder(facts: Partial<FolderFacts>): ModelFolder {
  const none = {
    architecture: null,
    labels: null,
    multiLabel: false,
    features: {},
    pooling: null,
  };
  const path = parseLocation("/m");
  return { path, file: "model.onnx", otherFiles: [], read: [], facts: { ...none, ...facts }, doubts: [] };
}

interface Parts {
  readonly model?: Partial<ModelSignature>;
  readonly folder?: Partial<FolderFacts>;
  /** Facts that were seen in the columns. */
  readonly files?: Readonly<Record<string, Partial<SeenFiles>>>;
  /** Columns in which nulls were seen. */
  readonly nulls?: readonly string[];
  /** Dims of the model's outputs in a run of two rows. */
  readonly gave?: Readonly<Record<string, readonly number[]>>;
  readonly textCauses?: readonly TextCause[];
  /** Names that the input gives to the classes of its columns. */
  readonly classes?: ClassNames;
}

function aRun(gave: NonNullable<Parts["gave"]>) {
  const outputs = Object.entries(gave).map(([name, dims]) => ({ name, dtype: "float32" as const, dims }));
  return { kind: "ran", ran: { rows: 2, lengths: [] }, outputs } as const;
}

export function draft(
  types: Readonly<Record<string, FieldType>>,
  { model = {}, folder, files = {}, nulls = [], gave, textCauses = [], classes = {} }: Parts = {},
) {
  return draftFor({
    signature: aModel(model),
    folder: folder === undefined ? null : aFolder(folder),
    fields: fields(types),
    ...{ textCauses, classes },
    ...LOADED,
    sample: { ...NO_SAMPLE, nulls, files: new Map(seenFiles(files)) },
    ran: gave === undefined ? null : aRun(gave),
  });
}

function seenFiles(files: NonNullable<Parts["files"]>): [string, SeenFiles][] {
  const usual = { what: "sounds", opened: true, folder: null, rates: [16_000] } as const;
  return Object.entries(files).map(([name, seen]) => [name, { ...usual, ...seen }]);
}

/** Returns the keys of each input, and its number of questions. */
export function inputsOf(types: Readonly<Record<string, FieldType>>, parts: Parts = {}) {
  return draft(types, parts).inputs.map(({ keys, questions }) => [keys, questions.length]);
}

export function outputsOf(parts: Parts) {
  const { outputs } = draft({ id: int, pixels: fixedList(784) }, parts);
  return Object.fromEntries(outputs.map(({ column, keys }) => [column, keys]));
}
