import type { Extension } from "../../shared/extension/extension.ts";
import {
  cutFiles,
  type FilesForm,
  type FilesIndex,
  fileAt,
  filesIndex,
  formText,
  KNOWN_ENDINGS,
} from "./op.ts";

/** Files as rows: images, sounds, texts or any others. */
export const files: Extension = {
  name: "files",
  formats: [
    {
      kind: "files",
      name: "files",
      title: "files",
      endings: KNOWN_ENDINGS,
      says: "`files` makes each file a row, see [files as rows](#files-as-rows)",
      index: filesIndex,
      show: (form) => formText(form as FilesForm),
      cut: (index, rowStart, rowEnd) => cutFiles(index as FilesIndex, rowStart, rowEnd),
      fileAt: (index, row) => fileAt(index as FilesIndex, row),
      loadPlanner: async () => (await import("./plan-files.ts")).FILES_PLANNER,
      loadReader: async () => (await import("./read-files.ts")).openFiles,
    },
  ],
};
