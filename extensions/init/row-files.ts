import type { Dataset, Field } from "../../shared/domain/dataset.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import { folderOf, nameOf } from "../../shared/domain/location.ts";
import { filesOf } from "../../shared/domain/row-place.ts";

/** Facts of an input in which each file is a row. */
export interface RowFiles {
  /** Name of the format in the job file. */
  readonly format: string;
  /** Names of the folders that the files lie in, sorted. Empty: all files lie in one folder. */
  readonly folders: readonly string[];
}

/** Columns that a draft chooses from: what identifies a file, what may be its class, and what is in it. */
const CHOSEN = ["path", "folder", "content"];

/** Returns the facts of an input in which each file is a row. Null: files contain rows. */
export function rowFilesOf({ files }: Pick<Dataset, "files">): RowFiles | null {
  const format = fileFormatOf(files[0]?.format ?? "");
  if (format === null) return null;
  const folders = new Set<string>();
  for (const { path } of filesOf(files)) folders.add(nameOf(folderOf(path)));
  return { format: format.name, folders: folders.size > 1 ? [...folders].sort() : [] };
}

/** Returns the columns that a draft chooses from. Sizes and versions of files are no inputs of models. */
export function chosenFields(fields: readonly Field[], rowFiles: RowFiles | null): readonly Field[] {
  return rowFiles === null ? fields : fields.filter(({ name }) => CHOSEN.includes(name));
}
