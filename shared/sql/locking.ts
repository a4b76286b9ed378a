import { sep } from "node:path";
import { usableMemoryBytes } from "../core/usable-memory.ts";
import { quoteLiteral } from "./quote.ts";
import type { SqlTables } from "./sql-tables.ts";

export interface LockedDatabaseOptions {
  /** Folders that statements can read or write, with all that is below them. */
  readonly folders: readonly string[];
  /** Tables of the job. Statements can read their files, and nothing beside them. Default: none. */
  readonly tables?: SqlTables;
  /** Memory above which DuckDB spills to `tempFolder`. Default: a quarter of the usable memory. */
  readonly memoryLimitBytes?: number;
  /** Number of threads. With several, sums of floats vary: see {@link LockedDatabase}. Default: 1. */
  readonly threads?: number;
  /** Folder of the caller, made if needed. The database spills into a folder in it, removed on close. */
  readonly tempFolder: string;
  /**
   * Optimization of plans. `constants`: a plan follows the statement, with constants computed, and uses no
   * facts of the present rows. Default: DuckDB's.
   */
  readonly optimizes?: "constants";
}

/** Least memory: with less, DuckDB cannot even sort. */
const MIN_MEMORY_BYTES = 256 * 1024 * 1024;

/** Lists the settings in order: the last three lock the others. */
export function lockingSettings(options: LockedDatabaseOptions, spillFolder: string): readonly string[] {
  const folders = options.folders.map((folder) => quoteLiteral(folder.endsWith(sep) ? folder : folder + sep));
  const files = Object.values(options.tables?.paths ?? {});
  return [
    "errors_as_json = true",
    "TimeZone = 'UTC'",
    "preserve_insertion_order = true",
    "enable_progress_bar = false",
    // Partials are read once or twice. DuckDB would cache 8 KiB and more of each, without later use.
    "enable_external_file_cache = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "allow_persistent_secrets = false",
    `memory_limit = '${options.memoryLimitBytes ?? defaultMemoryBytes()}B'`,
    `temp_directory = ${quoteLiteral(spillFolder)}`,
    `allowed_directories = [${folders.join(", ")}]`,
    ...(files.length === 0 ? [] : [`allowed_paths = [${files.map(quoteLiteral).join(", ")}]`]),
    "enable_external_access = false",
    "lock_configuration = true",
  ];
}

/** Returns the default memory limit: a quarter of the usable memory. */
export function defaultMemoryBytes(): number {
  return Math.max(MIN_MEMORY_BYTES, Math.floor(usableMemoryBytes() / 4));
}

/** Most memory of one part of a reduction by key. Its groups spill when they need more. */
const PART_MEMORY_BYTES = 2 ** 30;

/**
 * Returns the memory limit of a part of a reduction by key. It is the same on each machine that has as much.
 * So a part that spills is the same everywhere.
 */
export function partMemoryBytes(): number {
  return Math.min(PART_MEMORY_BYTES, defaultMemoryBytes());
}
