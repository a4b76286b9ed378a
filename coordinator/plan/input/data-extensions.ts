import { extname } from "node:path";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { isWebInput } from "../../../shared/domain/location.ts";

/** What data files are called. */
const TABLE_EXTENSIONS = {
  ".parquet": "parquet",
  ".pq": "parquet",
  ".arrow": "arrow",
  ".feather": "arrow",
  ".ipc": "arrow",
} as const;

/** ... and text, which may be packed. */
const TEXT_EXTENSIONS = { ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json" } as const;

const PACKED = ".gz";

/** By extension, as {@link extensionOf} gives it. */
export const FORMAT_OF_EXTENSION: Readonly<Record<string, DatasetFormat>> = {
  ...TABLE_EXTENSIONS,
  ...TEXT_EXTENSIONS,
  ...Object.fromEntries(
    Object.entries(TEXT_EXTENSIONS).map(([extension, format]) => [`${extension}${PACKED}`, format]),
  ),
};

/** The end of a file's name that says what is in it: `.parquet`, `.csv.gz`; in lower case. */
export function extensionOf(path: string): string {
  const name = isWebInput(path) ? path.replace(/[?#].*$/s, "") : path;
  const last = extname(name).toLowerCase();
  return last === PACKED ? `${extname(name.slice(0, -PACKED.length)).toLowerCase()}${last}` : last;
}

/** The extensions that a job of this format finds in a folder: the other formats' files are left alone. */
export function extensionsOf(format: JobSpec["input"]["format"]): readonly string[] {
  const extensions = Object.keys(FORMAT_OF_EXTENSION);
  return format === "auto" ? extensions : extensions.filter((each) => FORMAT_OF_EXTENSION[each] === format);
}
