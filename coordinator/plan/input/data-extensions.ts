import { extname } from "node:path";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import { FILE_FORMATS, fileFormatOf, RECORD_FORMATS } from "../../../shared/domain/formats.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { isWebInput } from "../../../shared/domain/location.ts";

/** File extensions of tables. */
const TABLE_EXTENSIONS: readonly (readonly [extension: string, format: DatasetFormat])[] = [
  [".parquet", "parquet"],
  [".pq", "parquet"],
  [".arrow", "arrow"],
  [".feather", "arrow"],
  [".ipc", "arrow"],
];

const GZIP = ".gz";

/** File extensions of formats in extensions, whose files may be compressed. */
const ADDED_EXTENSIONS = RECORD_FORMATS.flatMap(({ name, endings, packings = [GZIP] }) =>
  endings.flatMap((each) => ["", ...packings].map((packing) => [`${each}${packing}`, name] as const)),
);

const PACKINGS: ReadonlySet<string> = new Set([
  GZIP,
  ...RECORD_FORMATS.flatMap(({ packings = [] }) => packings),
]);

/** Format by file extension, as {@link extensionOf} returns it. */
export const FORMAT_OF_EXTENSION: Readonly<Record<string, DatasetFormat>> = Object.fromEntries([
  ...TABLE_EXTENSIONS,
  ...ADDED_EXTENSIONS,
]);

/** Returns the end of a file's name that gives its format, in lower case: `.parquet`, `.csv.gz`. */
export function extensionOf(path: string): string {
  const name = isWebInput(path) ? path.replace(/[?#].*$/s, "") : path;
  const last = extname(name).toLowerCase();
  return PACKINGS.has(last) ? `${extname(name.slice(0, -last.length)).toLowerCase()}${last}` : last;
}

/** Format of a listing that finds only files which are rows of known kinds, by extension. */
export const INFERRED = "inferred";

/** Format by file extension where each file is a row. */
const FILES_OF_EXTENSION: Readonly<Record<string, DatasetFormat>> = Object.fromEntries(
  FILE_FORMATS.flatMap(({ name, endings }) => endings.map((each) => [each, name])),
);

/** Checks whether paths and patterns name files that are rows, by their extensions. */
export function namesOnlyFiles(paths: readonly string[]): boolean {
  return paths.every((path) => Object.hasOwn(FILES_OF_EXTENSION, extensionOf(path)));
}

/** Returns the format of a file, by the format that it is listed for. Undefined: none has its extension. */
export function formatOfFile(path: string, format: string): DatasetFormat | undefined {
  if (format === INFERRED) return FILES_OF_EXTENSION[extensionOf(path)];
  return format === "auto" ? FORMAT_OF_EXTENSION[extensionOf(path)] : format;
}

/**
 * Returns the file extensions that a job of this format reads in a folder. Other files are ignored. Null: it
 * reads all files.
 */
export function extensionsOf(format: JobSpec["input"]["format"]): readonly string[] | null {
  if (format === INFERRED) return Object.keys(FILES_OF_EXTENSION);
  if (fileFormatOf(format) !== null) return null;
  const extensions = Object.keys(FORMAT_OF_EXTENSION);
  return format === "auto" ? extensions : extensions.filter((each) => FORMAT_OF_EXTENSION[each] === format);
}
