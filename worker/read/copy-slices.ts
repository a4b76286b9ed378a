import { join } from "node:path";
import { sha256 } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { copyGroups } from "../../shared/dataset/copy-groups.ts";
import { readParquetTail } from "../../shared/dataset/parquet-footer.ts";
import { type GroupsCut, keepGroups, readFooterGroups } from "../../shared/dataset/parquet-groups.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { type ByteSource, byteSource } from "../../shared/storage/storage.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { InputFiles } from "./input-files.ts";
import type { Way } from "./ways.ts";

/** Copy of the row groups of a slice, as a Parquet file. */
export interface CopiedSlice {
  readonly path: string;
  /** Rows of the copy that are the slice's. */
  readonly rowStart: number;
  readonly rowEnd: number;
  /** All rows of the copy. */
  readonly rows: number;
}

interface CopyOptions {
  readonly way: Way;
  readonly files: Pick<InputFiles, "confirm">;
  /** Columns whose bytes are copied. */
  readonly columns: readonly string[];
  /** Existing folder for these copies alone. The caller removes it. */
  readonly folder: string;
  readonly meter: BusyMeter;
}

/** Most files of a shard. SQL over many small ones takes longer than decoding them. */
const MOST_SLICES = 32;

/** Most rows of a copy for each row of the slice. SQL decodes all of them up to the end of the slice. */
const MOST_ROWS_RATIO = 4;

/**
 * Copies the row groups of a shard's slices, without decoding them. The copies cannot change, and they are as
 * planned: each file is checked before and after it is read. Null: decoding the shard's rows takes less.
 *
 * @throws {INPUT_CHANGED} {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {STORE_NOT_FOUND} {STORE_FAILED}
 */
export async function copySlices(
  slices: readonly LeaseSlice[],
  options: CopyOptions,
  signal: AbortSignal,
): Promise<readonly CopiedSlice[] | null> {
  if (slices.length > MOST_SLICES) return null;
  const copies: CopiedSlice[] = [];
  for (const [index, slice] of slices.entries()) {
    const path = join(options.folder, `slice-${index}.parquet`);
    const copy = await copySlice(slice, path, options, signal);
    if (copy === null) return null;
    copies.push(copy);
  }
  return copies;
}

async function copySlice(
  slice: LeaseSlice,
  path: string,
  { way, files, columns, meter }: CopyOptions,
  signal: AbortSignal,
): Promise<CopiedSlice | null> {
  const { file } = slice;
  await files.confirm(file, way, signal);
  const plain = byteSource(way, file.path, file.bytes, file.version);
  const source: ByteSource = {
    ...plain,
    read: (start, end, reading) => meter.timeRead(() => plain.read(start, end, reading)),
  };
  const tail = await readParquetTail(source, signal);
  if (sha256(tail.footer) !== file.footerSha256)
    throw new ShardmillError("INPUT_CHANGED", `${file.path} changed since the job was planned`);
  const found = cutSlice(tail.footer, slice, new Set(columns));
  // A damaged footer may name any range.
  if (found?.cut.ranges.some(({ end }) => end > file.bytes)) return null;
  if (found === null) return null;
  const { cut, ...rows } = found;
  await copyGroups(path, { source, tail, cut }, signal);
  await files.confirm(file, way, signal);
  return { path, ...rows };
}

/**
 * Cuts a file down to the row groups that have rows of a slice. Null: the footer is invalid, or the slice is
 * a small part of them.
 */
function cutSlice(
  footer: Uint8Array,
  slice: Pick<LeaseSlice, "rowStart" | "rowEnd">,
  columns: ReadonlySet<string>,
): (Omit<CopiedSlice, "path"> & { readonly cut: GroupsCut }) | null {
  const groups = readFooterGroups(footer, columns);
  if (groups === null) return null;
  const kept = new Set<number>();
  let start = 0;
  let firstRow = 0;
  let rows = 0;
  for (const [index, group] of groups.entries()) {
    const end = start + group.rows;
    if (start < slice.rowEnd && end > slice.rowStart) {
      if (kept.size === 0) firstRow = start;
      kept.add(index);
      rows += group.rows;
    }
    start = end;
  }
  if (slice.rowEnd > start || rows > MOST_ROWS_RATIO * shardRows(slice)) return null;
  const ranges = groups.flatMap((group, index) => (kept.has(index) ? group.ranges : []));
  const cut = { ranges, footer: keepGroups(footer, (index) => kept.has(index)) };
  return { cut, rows, rowStart: slice.rowStart - firstRow, rowEnd: slice.rowEnd - firstRow };
}
