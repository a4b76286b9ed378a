import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import type { DatasetFormat, FileIndex, PinnedTable } from "../../../shared/domain/dataset.ts";
import { formatOptions, LAKE_FORMATS, lakeFormatOf } from "../../../shared/domain/formats.ts";
import { below, folderOf, type Location, nameOf } from "../../../shared/domain/location.ts";
import type { Entry, Storage } from "../../../shared/storage/storage.ts";
import { INFERRED } from "./data-extensions.ts";
import type { FoundPath } from "./folder-listing.ts";

/**
 * Returns the versions of tables that the unfinished job has begun with, in place of those that its options
 * select. Called only when the input has a table, as it may read the journal.
 */
export type Pins = () => Promise<readonly PinnedTable[]>;

interface LookOptions {
  readonly format: DatasetFormat;
  /** Keys of `input`. */
  readonly options: object;
  /** Default: none. */
  readonly pins?: Pins | undefined;
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

/**
 * Returns the files of a lake table, if a folder is one. Null: it is none, or the job's format excludes
 * it.
 *
 * @throws {INPUT_CHANGED} when the version that an unfinished job has begun with is gone
 * @throws what reading the log of the table throws
 */
export async function lakeTableAt(
  folder: Location,
  { format, options, pins, storage, signal }: LookOptions,
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
    const pinned = (await pins?.())?.find(({ path }) => path === folder);
    const own = pinned?.options ?? formatOptions(options, lake.name);
    const table = await read(folder, { storage, options: own, signal }).catch((error: unknown) => {
      throw pinned !== undefined && isShardmillError(error, "INPUT_NOT_FOUND")
        ? changed(folder, error)
        : error;
    });
    if (table === null) continue;
    const files = table.files.map(({ path, stat, index }) => {
      return { path, realPath: path, stat, root: folder, table: { format: lake.name, index } };
    });
    return { files };
  }
  return null;
}

/** An unfinished job has begun with a version that is no longer there. */
function changed(folder: Location, { message, fields, problems, cause }: ShardmillError): ShardmillError {
  const what = `the unfinished job has begun with a version that ${folder} no longer has`;
  return new ShardmillError("INPUT_CHANGED", `${what}: ${message}`, {
    fields: { ...fields, path: folder },
    problems,
    hint: "restore the files to resume the job, or run with --fresh to start over with the newest version",
    cause,
  });
}

interface TableFile {
  readonly format: DatasetFormat;
  /** Folder of the table. */
  readonly root?: Location | undefined;
  /** Index from the log of the table. Undefined: the file is of no table. */
  readonly text?: FileIndex | undefined;
}

/** Returns the versions of the tables among some files, each once. */
export function pinsOf(files: readonly TableFile[]): readonly PinnedTable[] {
  const pins = new Map<Location, PinnedTable>();
  for (const { root, format, text } of files) {
    if (root === undefined || text === undefined || pins.has(root)) continue;
    pins.set(root, { path: root, options: present(lakeFormatOf(format), "a file of a table").pin(text) });
  }
  return [...pins.values()];
}

/** Checks whether a job leaves it to the input which format it has. */
export function isAnyFormat(format: DatasetFormat): boolean {
  return format === "auto" || format === INFERRED;
}

/** Returns the problem of a folder that is a lake table, and is read without its log. Null: it is none. */
export function tableIn(folder: Location, entries: readonly Pick<Entry, "name">[]): Problem | null {
  for (const lake of LAKE_FORMATS) {
    const { marker, ending } = lake;
    if (ending === undefined && entries.some(({ name }) => name === marker)) return isTable(folder, lake);
    if (
      ending !== undefined &&
      nameOf(folder) === marker &&
      entries.some(({ name }) => name.endsWith(ending))
    )
      return isTable(folderOf(folder), lake);
  }
  return null;
}

function isTable(folder: Location, lake: (typeof LAKE_FORMATS)[number]): Problem {
  return {
    where: folder,
    what: `has a log (${lake.title}), and only the log says which files have its rows`,
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
