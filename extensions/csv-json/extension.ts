import type { Extension } from "../../shared/extension/extension.ts";
import type { RecordFormat } from "../../shared/extension/format.ts";
import {
  csvForm,
  cutIndex,
  ENCODING_HINTS,
  formText,
  indexPacking,
  jsonForm,
  type TextForm,
  type TextFormat,
  type TextIndex,
  textIndex,
} from "./op.ts";
import { TEXT_OUTPUTS } from "./output/op.ts";
import { csvSpec } from "./spec.ts";

/** Returns the parts that both formats share. */
function lines(format: TextFormat) {
  return {
    kind: "records",
    show: (form) => formText(form as TextForm),
    packings: [".gz", ".zst"],
    isOnePiece: (index) => indexPacking(index as TextIndex) !== null,
    cut: (index, rowStart, rowEnd) => cutIndex(index as TextIndex, rowStart, rowEnd),
    words: { content: "text", pieces: "lines", encodingHint: ENCODING_HINTS[format] },
    loadPlanner: async () => (await import("./plan-text.ts")).textPlanner(format),
    openReader: async () => new (await import("./text-file.ts")).TextReader(),
  } satisfies Partial<RecordFormat>;
}

/** CSV and JSON Lines as inputs and outputs of jobs. */
export const csvJson: Extension = {
  name: "csv-json",
  formats: [
    {
      name: "csv",
      title: "CSV",
      endings: [".csv", ".tsv"],
      options: csvSpec,
      index: (z, parts) => textIndex(z, csvForm(z, parts), parts),
      ...lines("csv"),
    },
    {
      name: "json",
      title: "JSON Lines",
      endings: [".jsonl", ".ndjson"],
      says: "`json` is JSON Lines",
      index: (z, parts) => textIndex(z, jsonForm(z, parts), parts),
      ...lines("json"),
    },
  ],
  outputs: TEXT_OUTPUTS,
};
