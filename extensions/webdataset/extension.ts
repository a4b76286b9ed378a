import type { Extension } from "../../shared/extension/extension.ts";
import { cutIndex, formText, type TarForm, type TarIndex, tarIndex } from "./op.ts";
import { tarSpec } from "./spec.ts";

/** WebDataset as input of jobs: tars whose members with one stem are a row. */
export const webdataset: Extension = {
  name: "webdataset",
  formats: [
    {
      kind: "records",
      name: "webdataset",
      title: "WebDataset",
      endings: [".tar"],
      packings: [".gz", ".zst"],
      says: "`webdataset` is tars whose members with one stem are a row",
      options: tarSpec,
      index: tarIndex,
      show: (form) => formText(form as TarForm),
      isOnePiece: (index) => (index as TarIndex).packing !== "none",
      cut: (index, rowStart, rowEnd) => cutIndex(index as TarIndex, rowStart, rowEnd),
      words: {
        content: "a tar",
        pieces: "members",
        encodingHint: "write texts as UTF-8, or read them as bytes",
      },
      loadPlanner: async () => (await import("./plan-tar.ts")).tarPlanner,
      openReader: async () => new (await import("./tar-file.ts")).TarReader(),
    },
  ],
};
