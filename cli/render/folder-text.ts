import { folderPhrases } from "../../coordinator/plan/folder/folder-phrases.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";

/** Shows the facts in a model's folder, with their files. Empty: the model is not a folder. */
export function folderTable(folder: ModelFolder | null, style: Style): string[] {
  if (folder === null) return [];
  const { file, otherFiles, read } = folder;
  const others = otherFiles.length === 0 ? "" : `, not ${otherFiles.join(", ")}`;
  const rows = [
    ["model", `${file}${others}`],
    ["files read", read.length === 0 ? "none: it has only the model" : read.join(", ")],
    ...folderPhrases(folder),
  ];
  const columns = ["the model's folder says", ""];
  return ["", renderTable({ columns, rows }, style, { maxCellColumns: 160 })];
}
