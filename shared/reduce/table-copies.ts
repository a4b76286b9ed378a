import { open } from "node:fs/promises";
import { join } from "node:path";
import { isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import { readAhead } from "../core/read-ahead.ts";
import { type ParquetTail, readParquetTail } from "../dataset/parquet-footer.ts";
import type { BucketRange } from "../domain/buckets.ts";
import type { Location } from "../domain/location.ts";
import type { TableFile } from "../domain/reduction-tasks.ts";
import { asStorageErrors } from "../storage/errors.ts";
import { type ByteRange, planRanges } from "../storage/plan-ranges.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { ScanFile } from "./merge-small-files.ts";
import { tableRanges } from "./table-ranges.ts";

export interface TablePlace {
  /** Reads bytes `[start, end)` of a table. */
  readonly read: (location: Location, start: number, end: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Existing folder on this machine, for this task alone. The caller removes it. */
  readonly folder: string;
}

/** Tables fetched at once. Each holds up to two requests of 8 MiB in memory. */
const TABLES_AT_ONCE = 8;
/** Requests of a table that are read while another is written. */
const READ_AHEAD = 1;

const MAGIC = Buffer.from("PAR1");

/**
 * Makes a sparse copy of each table: a file of the same size with holes in place of row groups that have no
 * row of `range`. A SELECT of only those buckets never reads the holes, because DuckDB skips the same row
 * groups. Any other SELECT fails.
 *
 * Tables without such a row are copied, too. DuckDB plans by the sizes and statistics of all files, and rows
 * without an ORDER BY follow the plan. So the result is the same as over the whole files.
 *
 * @returns copies in the order of `tables`
 * @throws {PARTIAL_INVALID} when a table is damaged or another one
 * @throws whatever `read` throws
 */
export async function tableFilesHere(
  tables: readonly TableFile[],
  range: BucketRange,
  place: TablePlace,
  signal: AbortSignal,
): Promise<readonly ScanFile[]> {
  return await mapConcurrent(tables, TABLES_AT_ONCE, async (table, index) => {
    const path = join(place.folder, `table-${index}.parquet`);
    const source = sourceOf(table, place);
    const { tail, missing } = await planTable(table, source, range, signal);
    await writeSparse(path, { source, tail, missing }, signal);
    return { path, bytes: table.bytes };
  });
}

/** Table's ends, and the other bytes to fetch. */
interface TablePlan {
  readonly tail: ParquetTail;
  readonly missing: readonly ByteRange[];
}

async function planTable(
  table: TableFile,
  source: ByteSource,
  range: BucketRange,
  signal: AbortSignal,
): Promise<TablePlan> {
  const tail = await readTail(source, signal);
  const ranges = tableRanges(tail.footer, table, range);
  if (ranges === null) {
    throw invalidTable(
      source.path,
      `its footer does not describe ${table.rows} rows in ${table.bytes} bytes`,
    );
  }
  const missing = ranges.map(({ start, end }) => ({
    start: Math.max(start, MAGIC.length),
    end: Math.min(end, tail.start),
  }));
  return { tail, missing: planRanges(missing) };
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

async function writeSparse(
  path: string,
  { source, tail, missing }: TablePlan & { readonly source: ByteSource },
  signal: AbortSignal,
): Promise<void> {
  const file = await asStorageErrors("make", path, () => open(path, "wx"));
  try {
    const write = (bytes: Uint8Array, at: number) => asStorageErrors("write", path, () => writeAt(bytes, at));
    const writeAt = async (bytes: Uint8Array, at: number) => {
      for (let done = 0; done < bytes.length; )
        done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    };
    await write(MAGIC, 0);
    await write(tail.bytes, tail.start);
    const pieces = readAhead(missing, READ_AHEAD, async ({ start, end }) => ({
      start,
      bytes: await source.read(start, end, signal),
    }));
    for await (const { start, bytes } of pieces) await write(bytes, start);
  } finally {
    await file.close();
  }
}

function invalidTable(path: string, found: string, cause?: unknown): ShardmillError {
  return new ShardmillError("PARTIAL_INVALID", `combined table ${path} is invalid: ${found}`, {
    fields: { path, found },
    cause,
  });
}
