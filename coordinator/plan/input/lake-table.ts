import type { Problem } from "../../../shared/core/errors.ts";
import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import { formatOptions, LAKE_FORMATS, lakeFormatOf } from "../../../shared/domain/formats.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import type { Entry, Storage } from "../../../shared/storage/storage.ts";
import { INFERRED } from "./data-extensions.ts";
import type { FoundPath } from "./folder-listing.ts";

interface LookOptions {
  readonly format: DatasetFormat;
  /** Keys of `input`. */
  readonly options: object;
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/**
 * Returns the files of a lake table, if a folder is one. Null: it is none, or the job's format excludes
 * it.
 *
 * @throws what reading the log of the table throws
 */
export async function lakeTableAt(
  folder: Location,
  { format, options, storage, signal }: LookOptions,
): Promise<{ readonly files: readonly FoundPath[] } | null> {
  for (const lake of LAKE_FORMATS) {
    if (!isAnyFormat(format) && lake.name !== format) continue;
    try {
      if ((await storage.kindAt(below(folder, lake.marker), signal)) !== "folder") continue;
    } catch {
      signal.throwIfAborted();
      // A folder that cannot be looked into is reported as such when it is listed.
      continue;
    }
    const read = await lake.loadLog();
    const table = await read(folder, { storage, options: formatOptions(options, lake.name), signal });
    const files = table.files.map(({ path, stat, index }) => {
      return { path, realPath: path, stat, root: folder, table: { format: lake.name, index } };
    });
    return { files };
  }
  return null;
}

/** Checks whether a job leaves it to the input which format it has. */
export function isAnyFormat(format: DatasetFormat): boolean {
  return format === "auto" || format === INFERRED;
}

/** Returns the problem of a folder that is a lake table, and is read without its log. Null: it is none. */
export function tableIn(folder: Location, entries: readonly Pick<Entry, "name">[]): Problem | null {
  const lake = LAKE_FORMATS.find(({ marker }) => entries.some(({ name }) => name === marker));
  if (lake === undefined) return null;
  return {
    where: folder,
    what: `is a ${lake.title}, and only its log says which files have its rows`,
    hint: `name this folder itself in input.path, or set input.format to read all of its files`,
  };
}

export function noTable(path: string, format: DatasetFormat): Problem {
  const marker = lakeFormatOf(format)?.marker ?? "";
  return {
    where: path,
    what: `is no ${lakeFormatOf(format)?.title ?? format}`,
    expected: `a folder on a disk or in a bucket, with a folder ${marker}`,
    found: `no folder ${marker}`,
    hint: "name the folder of the table itself, without a wildcard",
  };
}
