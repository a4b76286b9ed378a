import type { Extension } from "../../shared/extension/extension.ts";
import { cutIndex, rowOf } from "../lake/op.ts";
import { type DeltaForm, type DeltaIndex, deltaIndex, formText } from "./op.ts";
import { type DeltaSpec, deltaSpec } from "./spec.ts";

/** Delta tables as input of jobs. */
export const delta: Extension = {
  name: "delta",
  formats: [
    {
      kind: "lake",
      name: "delta",
      title: "Delta table",
      marker: "_delta_log",
      removal: "VACUUM removed it, because no later version of the table has it",
      says: "`delta` is the folder of a Delta table",
      options: deltaSpec,
      pin: (index) => ({ version: (index.form as DeltaForm).version }) satisfies DeltaSpec,
      index: deltaIndex,
      show: (form) => formText(form as DeltaForm),
      cut: (index, rowStart, rowEnd) => cutIndex(index as DeltaIndex, rowStart, rowEnd),
      rowOf: (index, row) => rowOf(index as DeltaIndex, row),
      loadLog: async () => (await import("./read-table.ts")).readTable,
      loadReader: async () => (await import("./table-file.ts")).openDeltaFile,
    },
  ],
};
