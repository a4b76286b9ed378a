import { ShardmillError } from "../../shared/core/errors.ts";
import { formatCount } from "../../shared/core/units.ts";
import type { FileCut, RowGroup } from "../../shared/domain/dataset.ts";
import { type Shard, shardId } from "../../shared/domain/shard.ts";

export interface PlannedFile {
  /** Those whose rows are planned. */
  readonly rowGroups: readonly RowGroup[];
  /** Those, by index, that do not follow right after the one before: what lay between is left out. */
  readonly afterGaps?: ReadonlySet<number>;
  /** Equal for files whose columns are laid out alike, which one table can hold: see `layoutOf`. */
  readonly layout: string;
  /** Left out: nothing but its row groups says where it may be cut. */
  readonly cut?: FileCut;
}

interface PlanOptions {
  /** Rows a shard should have, about. */
  readonly shardRows: number | "auto";
  /** Bytes that the model makes of a row. Left out: none to speak of. */
  readonly outputRowBytes?: number;
}

/**
 * Uncompressed bytes that a shard should read, about. A lost attempt costs this much work again, and a shard
 * thread holds its rows' output until it is written; but each shard also costs a lease, a commit and some
 * files. 32 MiB is seconds of work for most models, and a hundred thousand shards for 3 TiB.
 */
const SHARD_BYTES = 32 << 20;

/** Below this a shard is mostly overhead; above, one attempt would lose too much even of very narrow rows. */
const SHARD_ROWS = { least: 1_024, most: 1_000_000 };

/**
 * ... but of long rows, or of those of which the model makes much, a shard takes fewer: a worker holds what
 * it read and made until it is written, for two shards or more at once. Bytes are those that the footers
 * tell: what a small dictionary stands for is not known before it is decoded.
 */
const SHARD_MOST_BYTES = 256 << 20;

/**
 * A modest input still has to keep several workers busy, and to end without waiting long for the last one: so
 * many shards at least, as long as each keeps the least rows.
 */
const LEAST_SHARDS = 16;

/** A row group is read whole by one shard unless it is more than this many times the target. */
const SPLIT_RATIO = 1.5;

/**
 * A slice is a stretch of rows in one file. Each costs the shard an open, a footer and two stats, and the
 * lease the file's name: a failed attempt repeats as many, and a lease stays below 3 MiB with the longest
 * names that there are. A hundred thousand tiny files are two hundred shards.
 */
const SHARD_SLICES = 512;

/**
 * Cuts a dataset into shards: disjoint, in order, and together all of its rows. The same input gives the same
 * plan.
 *
 * - A shard is a part of one file, or one or more whole files, side by side, whose columns are laid out
 *   alike.
 * - Whole files are joined while they stay within the target, in rows, in slices, and in bytes if those are
 *   the target's reason; row groups of one file while they stay within the target in rows, and in slices
 *   where others between them are left out. So no shard that joins is above it.
 * - A row group above 1.5 times the target is split into equal ranges (which differ by a row at most), each
 *   within the target and above 0.6 of it.
 * - So no shard has more than 1.5 times the target; only those beside larger row groups or files, or a file's
 *   last, have less than half.
 * - A file without rows is in no shard. A dataset without rows is one empty shard: the output still gets its
 *   schema.
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

/** The rows of a shard of a file that is rather not cut. */
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

  /** Whether one more file stays within the limits; the first always does. */
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

/** The target in rows: by bytes, then lowered so that a small input still makes enough shards. */
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

/** Each shard is a record in the coordinator's memory and journal, and a folder of files. */
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
      // One by one: a call takes only so many arguments, and there can be two million.
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
