import { ShardmillError } from "../../shared/core/errors.ts";
import { formatCount } from "../../shared/core/units.ts";
import type { FileCut, RowGroup } from "../../shared/domain/dataset.ts";
import { type Shard, shardId } from "../../shared/domain/shard.ts";

export interface PlannedFile {
  /** Row groups whose rows are planned. */
  readonly rowGroups: readonly RowGroup[];
  /** Indexes of the row groups that follow a gap: row groups before them are excluded. */
  readonly afterGaps?: ReadonlySet<number>;
  /** Key of the columns' layout. Files with equal layouts fit into one table, see `layoutOf`. */
  readonly layout: string;
  /** Rules for cutting the file. Default: only its row groups matter. */
  readonly cut?: FileCut;
}

interface PlanOptions {
  /** Target rows of a shard. */
  readonly shardRows: number | "auto";
  /** Bytes that the model adds to a row. Default: negligible. */
  readonly outputRowBytes?: number;
}

/**
 * Target of uncompressed bytes that a shard reads. A lost attempt repeats this much work, and a shard thread
 * holds its output until it is written. But each shard also costs a lease, a commit and some files. 32 MiB is
 * seconds of work for most models, and a hundred thousand shards for 3 TiB.
 */
const SHARD_BYTES = 32 << 20;

/**
 * Bounds of a shard's rows. A smaller shard is mostly overhead. A larger one loses too much on a failed
 * attempt, even with very narrow rows.
 */
const SHARD_ROWS = { least: 1_024, most: 1_000_000 };

/**
 * Limit of bytes that a shard reads and makes, which lowers the rows of a shard if rows are long. A worker
 * holds these bytes until they are written, for two shards or more at once. Bytes are those in the footers:
 * the size of dictionary values is unknown until they are decoded.
 */
const SHARD_MOST_BYTES = 256 << 20;

/**
 * Least number of shards, as long as each keeps the least rows. A modest input still keeps several workers
 * busy, and does not wait long for its last shard.
 */
const LEAST_SHARDS = 16;

/** Ratio to the target up to which one shard reads a whole row group. */
const SPLIT_RATIO = 1.5;

/**
 * Limit of slices in a shard. A slice is a range of rows in one file. Each slice costs the shard an open, a
 * footer and two stats, and the lease a file name. The limit bounds the work of a failed attempt, and keeps a
 * lease with the longest names below 3 MiB. A hundred thousand tiny files still make only two hundred shards.
 */
const SHARD_SLICES = 512;

/**
 * Cuts a dataset into shards: disjoint, in order, and together all of its rows. The same input gives the same
 * plan.
 *
 * - A shard is a part of one file, or one or more whole adjacent files with the same column layout.
 * - Whole files are joined up to the target in rows, in slices, and in bytes if bytes decide the target. Row
 *   groups of one file are joined up to the target in rows, and in slices if there are gaps. So no joined
 *   shard exceeds the target.
 * - A row group above 1.5 times the target is split into equal ranges, which differ by at most one row. Each
 *   is within the target and above 0.6 of it.
 * - So no shard has more than 1.5 times the target. Less than half has only a shard next to larger row groups
 *   or files, or at a file's end.
 * - A file without rows is in no shard. A dataset without rows is one empty shard, so that the output still
 *   gets its schema.
 *
 * @param files in the dataset's order, at least one
 * @throws {SPEC_INVALID} when there would be more than two million shards
 */
export function planShards(files: readonly PlannedFile[], options: PlanOptions): Shard[] {
  const target = options.shardRows === "auto" ? autoShardRows(files, options) : options.shardRows;
  refuseTooMany(files, target);
  const shards: Shard[] = [];
  const cut = (rowStart: number, rowEnd: number) =>
    shards.push({ id: shardId(shards.length), rowStart, rowEnd });
  const joined = new JoinedFiles({
    rows: target,
    bytes: options.shardRows === "auto" ? SHARD_BYTES : Infinity,
  });
  let fileStart = 0;
  for (const file of files) {
    const ranges = cutFile(
      file,
      file.cut?.isOnePiece === true ? onePieceRows(file, target, options) : target,
    );
    const whole = ranges.length === 1 ? wholeFile(file) : null;
    if (ranges.length > 0 && (whole === null || !joined.takes(whole))) joined.close(cut);
    if (whole !== null) joined.add(fileStart, whole);
    else for (const [start, end] of ranges) cut(fileStart + start, fileStart + end);
    fileStart += ranges.at(-1)?.[1] ?? 0;
  }
  joined.close(cut);
  return shards.length > 0 ? shards : [{ id: shardId(0), rowStart: 0, rowEnd: 0 }];
}

interface WholeFile {
  readonly rows: number;
  readonly bytes: number;
  readonly slices: number;
  readonly layout: string;
}

function wholeFile({ rowGroups, afterGaps, layout, cut }: PlannedFile): WholeFile {
  let rows = 0;
  let bytes = 0;
  for (const group of rowGroups) {
    rows += group.rows;
    bytes += group.bytes;
  }
  return { rows, bytes, slices: (1 + (afterGaps?.size ?? 0)) * (cut?.slices ?? 1), layout };
}

/** Returns the target rows for a file that should stay whole, if possible. */
function onePieceRows(file: PlannedFile, target: number, options: PlanOptions): number {
  if (options.shardRows !== "auto") return target;
  const { rows, bytes } = wholeFile(file);
  const rowBytes = bytes / Math.max(1, rows) + (options.outputRowBytes ?? 0);
  return Math.max(target, Math.floor(SHARD_MOST_BYTES / Math.max(1, rowBytes)));
}

/** Whole files that become one shard. */
class JoinedFiles {
  readonly #most: { readonly rows: number; readonly bytes: number };
  #rowStart = 0;
  #rows = 0;
  #bytes = 0;
  #slices = 0;
  #layout = "";

  constructor(most: { readonly rows: number; readonly bytes: number }) {
    this.#most = most;
  }

  /** Checks whether one more file stays within the limits. The first file always does. */
  takes({ rows, bytes, slices, layout }: WholeFile): boolean {
    if (this.#slices === 0) return true;
    const fits = this.#rows + rows <= this.#most.rows && this.#bytes + bytes <= this.#most.bytes;
    return fits && this.#slices + slices <= SHARD_SLICES && layout === this.#layout;
  }

  add(rowStart: number, { rows, bytes, slices, layout }: WholeFile): void {
    if (this.#slices === 0) this.#rowStart = rowStart;
    this.#slices += slices;
    this.#rows += rows;
    this.#bytes += bytes;
    this.#layout = layout;
  }

  close(cut: (rowStart: number, rowEnd: number) => void): void {
    if (this.#slices > 0) cut(this.#rowStart, this.#rowStart + this.#rows);
    this.#slices = 0;
    this.#rows = 0;
    this.#bytes = 0;
  }
}

/** Returns the target in rows. Bytes decide it, and a small input lowers it to get enough shards. */
function autoShardRows(files: readonly PlannedFile[], { outputRowBytes = 0 }: PlanOptions): number {
  let rows = 0;
  let bytes = 0;
  for (const { rowGroups } of files) {
    for (const group of rowGroups) {
      rows += group.rows;
      bytes += group.bytes;
    }
  }
  const rowBytes = Math.max(1, bytes / Math.max(1, rows));
  const wanted = Math.min(Math.floor(SHARD_BYTES / rowBytes), Math.ceil(rows / LEAST_SHARDS));
  const most = Math.max(1, Math.floor(SHARD_MOST_BYTES / (rowBytes + outputRowBytes)));
  return Math.min(SHARD_ROWS.most, most, Math.max(SHARD_ROWS.least, wanted));
}

/** Limit of shards: each is a record in the coordinator's memory and journal, and a folder of files. */
const SHARD_LIMIT = 2_000_000;

function refuseTooMany(files: readonly PlannedFile[], target: number): void {
  const rows = files.reduce(
    (sum, { rowGroups }) => sum + rowGroups.reduce((s, group) => s + group.rows, 0),
    0,
  );
  const least = Math.floor(rows / (target * SPLIT_RATIO));
  if (least <= SHARD_LIMIT) return;
  throw new ShardmillError("SPEC_INVALID", `the input would make more than ${formatCount(least)} shards`, {
    fields: { rows, shardRows: target },
    problems: [
      {
        where: "input.shardRows",
        what: `too small for ${formatCount(rows)} rows`,
        expected: `at least ${formatCount(Math.ceil(rows / SHARD_LIMIT))}`,
        found: formatCount(target),
      },
    ],
  });
}

type RowRange = readonly [rowStart: number, rowEnd: number];

function cutFile({ rowGroups, afterGaps }: PlannedFile, target: number): RowRange[] {
  const ranges: RowRange[] = [];
  let start = 0;
  let end = 0;
  let slices = 1;
  const close = () => {
    if (start < end) ranges.push([start, end]);
    start = end;
    slices = 1;
  };
  for (const [index, { rows }] of rowGroups.entries()) {
    if (afterGaps?.has(index) === true && start < end) slices += 1;
    if (rows > target * SPLIT_RATIO) {
      close();
      // Pushed one by one: a spread call has a limit of arguments, and there can be two million.
      for (const range of splitEvenly(end, rows, Math.ceil(rows / target))) ranges.push(range);
      end += rows;
      start = end;
      continue;
    }
    if (end - start + rows > target || slices > SHARD_SLICES) close();
    end += rows;
  }
  close();
  return ranges;
}

function splitEvenly(start: number, rows: number, parts: number): RowRange[] {
  const cut = (part: number) => start + Math.floor((rows * part) / parts);
  return Array.from({ length: parts }, (_, part): RowRange => [cut(part), cut(part + 1)]);
}
