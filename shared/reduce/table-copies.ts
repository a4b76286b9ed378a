import { join } from "node:path";
import { isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import { copyGroups } from "../dataset/copy-groups.ts";
import { type ParquetTail, readParquetTail } from "../dataset/parquet-footer.ts";
import type { BucketRange } from "../domain/buckets.ts";
import type { Location } from "../domain/location.ts";
import type { TableFile } from "../domain/reduction-tasks.ts";
import type { ByteSource } from "../storage/storage.ts";
import { cutTable } from "./cut-table.ts";
import type { ScanFile } from "./merge-small-files.ts";

interface TablePlace {
  /** Reads bytes `[start, end)` of a table. */
  readonly read: (location: Location, start: number, end: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Existing folder on this machine, for this task alone. The caller removes it. */
  readonly folder: string;
}

/** Tables fetched at once. Each holds up to two requests of 8 MiB in memory. */
const TABLES_AT_ONCE = 8;

/**
 * Copies those row groups of the tables that may have rows of `range`.
 *
 * Copies tables without such a row group, too. DuckDB's plan depends on the number of files and on their
 * merging. The order of rows without an ORDER BY depends on the plan.
 *
 * @returns copies in the order of `tables`
 * @throws {PARTIAL_INVALID} when a table is damaged, or has other bytes or rows
 * @throws whatever `read` throws
 */
export async function tableFilesHere(
  tables: readonly TableFile[],
  range: BucketRange,
  place: TablePlace,
  signal: AbortSignal,
): Promise<readonly ScanFile[]> {
  return await mapConcurrent(tables, TABLES_AT_ONCE, async (table, index) => {
    const source = sourceOf(table, place);
    const tail = await readTail(source, signal);
    const cut = cutTable(tail.footer, table, range);
    if (cut === null) {
      throw invalidTable(
        source.path,
        `its footer does not describe ${table.rows} rows in ${table.bytes} bytes`,
      );
    }
    const path = join(place.folder, `table-${index}.parquet`);
    await copyGroups(path, { source, tail, cut }, signal);
    return { path, bytes: table.bytes };
  });
}

async function readTail(source: ByteSource, signal: AbortSignal): Promise<ParquetTail> {
  try {
    return await readParquetTail(source, signal);
  } catch (error) {
    // These codes describe the user's input.
    const isDamaged =
      isShardmillError(error, "INPUT_CORRUPT") || isShardmillError(error, "INPUT_UNSUPPORTED");
    throw isDamaged ? invalidTable(source.path, messageOf(error), error) : error;
  }
}

function sourceOf({ location, bytes }: TableFile, { read }: TablePlace): ByteSource {
  return {
    path: location,
    bytes,
    async read(start, end, signal) {
      const found = await read(location, start, end, signal);
      if (found.length === end - start) return found;
      throw invalidTable(location, `${found.length} bytes at [${start}, ${end})`);
    },
  };
}

function invalidTable(path: string, found: string, cause?: unknown): ShardmillError {
  return new ShardmillError("PARTIAL_INVALID", `combined table ${path} is invalid: ${found}`, {
    fields: { path, found },
    cause,
  });
}
