import type { Extension } from "../../shared/extension/extension.ts";
import { cutIndex, rowOf } from "../lake/op.ts";
import { formText, type IcebergForm, type IcebergIndex, icebergIndex } from "./op.ts";
import { icebergSpec } from "./spec.ts";

/** Iceberg tables as input of jobs. */
export const iceberg: Extension = {
  name: "iceberg",
  formats: [
    {
      kind: "lake",
      name: "iceberg",
      title: "Iceberg table",
      marker: "metadata",
      ending: ".metadata.json",
      pin: (index) => (index as IcebergIndex).form.options,
      removal: "its snapshot expired, and its files were removed",
      says: "`iceberg` is the folder of an Iceberg table",
      options: icebergSpec,
      index: icebergIndex,
      show: (form) => formText(form as IcebergForm),
      cut: (index, rowStart, rowEnd) => cutIndex(index as IcebergIndex, rowStart, rowEnd),
      rowOf: (index, row) => rowOf(index as IcebergIndex, row),
      loadLog: async () => (await import("./read-table.ts")).readTable,
      loadReader: async () => (await import("./table-file.ts")).openIcebergFile,
    },
  ],
};
