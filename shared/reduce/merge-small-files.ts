import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parquetScan } from "../sql/quote.ts";
import type { SqlDatabase } from "../sql/sql-database.ts";

export interface ScanFile {
  /** Absolute path. */
  readonly path: string;
  readonly bytes: number;
}

export interface MergeLimits {
  /** Limit of files read in place. Each open file costs about 15 KiB of memory and 60 microseconds. */
  readonly filesInPlace: number;
  /** Limit of files in a merged file: one statement opens all of them at once. */
  readonly filesPerMerge: number;
  /** Limit of bytes in a merged file. A larger file is worth its own scan, and copying it would cost more. */
  readonly bytesPerMerge: number;
}

interface MergeOptions {
  /** Prefix of the names of merged files. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  readonly limits?: MergeLimits;
  /** Returns a SELECT of the wanted rows of a scan, in their order. Default: all. */
  readonly select?: (scan: string) => string;
}

const MERGE_LIMITS: MergeLimits = {
  filesInPlace: 2048,
  filesPerMerge: 1024,
  bytesPerMerge: 128 * 1024 * 1024,
};

/**
 * Groups neighbouring files that are merged into one. The groups in order hold `files` in order. A single
 * file in a group is read in place.
 */
function groupSmallFiles(files: readonly ScanFile[], limits: MergeLimits): readonly (readonly ScanFile[])[] {
  if (files.length <= limits.filesInPlace) return files.map((file) => [file]);
  const groups: ScanFile[][] = [];
  let groupBytes = 0;
  for (const file of files) {
    const group = groups.at(-1);
    const fits = groupBytes + file.bytes <= limits.bytesPerMerge;
    if (group !== undefined && group.length < limits.filesPerMerge && fits) {
      group.push(file);
      groupBytes += file.bytes;
    } else {
      groups.push([file]);
      groupBytes = file.bytes;
    }
  }
  return groups;
}

/**
 * Returns paths to scan that hold the rows of `files` in order. A plan may have 200,000 shards with as many
 * tiny tables. Many files are merged in groups into files below `mergeFolder`, so that no statement opens
 * more than a few thousand. Merging changes neither rows nor order, and thus no result.
 */
export async function mergeSmallFiles(
  database: Pick<SqlDatabase, "copyOwn">,
  files: readonly ScanFile[],
  mergeFolder: string,
  { prefix, signal, limits = MERGE_LIMITS, select = (scan) => `FROM ${scan}` }: MergeOptions,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const [index, group] of groupSmallFiles(files, limits).entries()) {
    signal.throwIfAborted();
    const [first] = group;
    if (group.length === 1 && first !== undefined) {
      paths.push(first.path);
      continue;
    }
    const merged = join(mergeFolder, `${prefix}-${index}.parquet`);
    await rm(merged, { force: true });
    const sql = select(parquetScan(group.map((file) => file.path)));
    await database.copyOwn({ where: "merging partials", sql }, merged);
    paths.push(merged);
  }
  return paths;
}
