import { sep } from "node:path";
import { usableMemoryBytes } from "../core/usable-memory.ts";
import { quoteLiteral } from "./quote.ts";

export interface LockedDatabaseOptions {
  /** The only folders that any statement can read or write, with all that is below them. */
  readonly folders: readonly string[];
  /**
   * Beyond it DuckDB spills to `tempFolder`. Left out: a quarter of the machine's (or the container's)
   * memory.
   */
  readonly memoryLimitBytes?: number;
  /** More than one and sums of floats depend on which thread was quicker: see {@link LockedDatabase}. */
  readonly threads?: number;
  /**
   * A folder of the caller's (made if needed): this database spills into a folder of its own in it, gone when
   * it closes.
   */
  readonly tempFolder: string;
  /**
   * `constants`: a plan says what the statement says, with constants computed, and nothing that holds only
   * for the rows that are there now. Left out: as DuckDB does it.
   */
  readonly optimizes?: "constants";
}

/** Under this DuckDB cannot even sort. */
const MIN_MEMORY_BYTES = 256 * 1024 * 1024;

/** In this order: the last three lock what the others set. */
export function lockingSettings(options: LockedDatabaseOptions, spillFolder: string): readonly string[] {
  const folders = options.folders.map((folder) => quoteLiteral(folder.endsWith(sep) ? folder : folder + sep));
  return [
    "errors_as_json = true",
    "TimeZone = 'UTC'",
    "preserve_insertion_order = true",
    "enable_progress_bar = false",
    // Partials are read once or twice: what DuckDB would keep of each, 8 KiB and more, is never asked for
    // again.
    "enable_external_file_cache = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "allow_persistent_secrets = false",
    `memory_limit = '${options.memoryLimitBytes ?? defaultMemoryBytes()}B'`,
    `temp_directory = ${quoteLiteral(spillFolder)}`,
    `allowed_directories = [${folders.join(", ")}]`,
    "enable_external_access = false",
    "lock_configuration = true",
  ];
}

/** A quarter of what there is. */
export function defaultMemoryBytes(): number {
  return Math.max(MIN_MEMORY_BYTES, Math.floor(usableMemoryBytes() / 4));
}
