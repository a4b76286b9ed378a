import { extname } from "node:path";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import { FORMATS } from "../../../shared/domain/formats.ts";
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
const ADDED_EXTENSIONS = FORMATS.flatMap(({ name, endings, packings = [GZIP] }) =>
  endings.flatMap((each) => ["", ...packings].map((packing) => [`${each}${packing}`, name] as const)),
);

const PACKINGS: ReadonlySet<string> = new Set([GZIP, ...FORMATS.flatMap(({ packings = [] }) => packings)]);

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

/** Returns the file extensions that a job of this format reads in a folder. Other files are ignored. */
export function extensionsOf(format: JobSpec["input"]["format"]): readonly string[] {
  const extensions = Object.keys(FORMAT_OF_EXTENSION);
  return format === "auto" ? extensions : extensions.filter((each) => FORMAT_OF_EXTENSION[each] === format);
}
