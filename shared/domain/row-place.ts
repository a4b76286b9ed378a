import type { InputFile } from "./dataset.ts";
import { fileFormatOf, lakeFormatOf } from "./formats.ts";
import type { Location } from "./location.ts";

/** Place of a row for people: a file, and the row in it. */
interface RowOfFile {
  readonly file: Location;
  readonly row: number;
}

/** Returns the place of a row in a file of the dataset. In a list of files, each row is a file. */
export function placeOfRow({ path, format, text }: InputFile, row: number): RowOfFile {
  if (text === undefined) return { file: path, row };
  const list = fileFormatOf(format);
  if (list !== null) return { file: list.fileAt(text, row).path, row: 0 };
  return { file: path, row: lakeFormatOf(format)?.rowOf(text, row) ?? row };
}

/** Yields the files of the dataset with their identities. The files of a list are yielded one by one. */
export function* filesOf(
  files: readonly InputFile[],
): Generator<Pick<InputFile, "path" | "bytes" | "version">, void, undefined> {
  for (const file of files) {
    const list = fileFormatOf(file.format);
    if (list === null || file.text === undefined) yield file;
    else for (let row = 0; row < file.rows; row += 1) yield list.fileAt(file.text, row);
  }
}

/** Finds a file of the dataset, or of its lists, by its path. */
export function findFile(files: readonly InputFile[], path: unknown) {
  for (const file of filesOf(files)) if (file.path === path) return file;
  return undefined;
}

/** Paths of the dataset's files. Those of lists are collected when one is first asked for. */
export class DatasetPaths {
  readonly #files: readonly InputFile[];
  #paths: ReadonlySet<string> | null = null;

  constructor(files: readonly InputFile[]) {
    this.#files = files;
  }

  has(path: string): boolean {
    this.#paths ??= new Set([...filesOf(this.#files)].map((file) => file.path));
    return this.#paths.has(path);
  }
}
