import type * as z from "zod";
import { sha256 } from "../../shared/core/digest.ts";
import type { Zod } from "../../shared/core/zod.ts";
import type { IndexParts } from "../../shared/extension/format.ts";

/** Rows of a data file that are deleted. Plain JSON. */
export interface DeletedRows {
  /**
   * Stretches of deleted rows as base64: the rows since the previous stretch, and the rows of the stretch, as
   * varints. A lease has only those that its rows need.
   */
  readonly stretches: string;
  /** Count of all deleted rows of the file. */
  readonly rows: number;
  /** Last deleted row of the file. */
  readonly last: number;
  /** sha256 of all stretches of the file. */
  readonly sha256: string;
}

/** Builds the schema of deleted rows. */
export function deletedRows(z: Zod, { count }: IndexParts): z.ZodType<DeletedRows | null> {
  return z.union([
    z.object({ stretches: z.string(), rows: count, last: count, sha256: z.string() }),
    z.literal(null),
  ]);
}

/** Rows `[start, end)` of a file. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** Deleted rows between two ranges that are read, at least. Fewer are read, and dropped. */
const LEAST_GAP = 8_192;

/**
 * Rows of a file that are left, numbered consecutively:
 *
 * ```
 * row of the file   0 1 2 3 4 5 6 7     (2, 3 and 6 are deleted)
 * row that is left  0 1     2 3   4
 * ```
 */
export class RowsLeft {
  /** First row of each deleted stretch. */
  readonly #starts: Float64Array;
  /** Deleted rows before each stretch, and of all stretches. */
  readonly #before: Float64Array;

  constructor({ stretches }: Pick<DeletedRows, "stretches">) {
    const numbers = readNumbers(Buffer.from(stretches, "base64"));
    const count = numbers.length / 2;
    this.#starts = new Float64Array(count);
    this.#before = new Float64Array(count + 1);
    let end = 0;
    for (let at = 0; at < count; at += 1) {
      const start = end + (numbers[2 * at] ?? 0);
      const rows = numbers[2 * at + 1] ?? 0;
      this.#starts[at] = start;
      this.#before[at + 1] = (this.#before[at] ?? 0) + rows;
      end = start + rows;
    }
  }

  /** Returns the row of the file that is left as this row. */
  rowOf(left: number): number {
    return left + (this.#before[this.#count((at) => this.#leftBefore(at) <= left)] ?? 0);
  }

  /** Counts the rows before a row of the file that are left. */
  countBefore(row: number): number {
    const at = this.#count((each) => (this.#starts[each] ?? 0) < row);
    if (at === 0) return row;
    return Math.max(this.#leftBefore(at - 1), row - (this.#before[at] ?? 0));
  }

  /** Returns the ranges that are left of rows `[start, end)` of the file, in order. */
  rangesIn(start: number, end: number): RowRange[] {
    const ranges: RowRange[] = [];
    let from = start;
    const add = (to: number) => {
      if (from < to) ranges.push({ start: from, end: to });
    };
    let at = Math.max(0, this.#count((each) => (this.#starts[each] ?? 0) < start) - 1);
    for (; at < this.#starts.length && (this.#starts[at] ?? 0) < end; at += 1) {
      const gap = this.#starts[at] ?? 0;
      add(gap);
      from = Math.max(from, gap + (this.#before[at + 1] ?? 0) - (this.#before[at] ?? 0));
    }
    add(end);
    return ranges;
  }

  /** Returns the ranges to read for rows `[start, end)` that are left, without long deleted stretches. */
  rangesToRead(start: number, end: number): RowRange[] {
    if (start >= end) return [];
    const ranges: { start: number; end: number }[] = [];
    for (const range of this.rangesIn(this.rowOf(start), this.rowOf(end - 1) + 1)) {
      const last = ranges.at(-1);
      if (last !== undefined && range.start - last.end < LEAST_GAP) last.end = range.end;
      else ranges.push({ ...range });
    }
    return ranges;
  }

  /** Returns the stretches that rows `[start, end)` that are left need. Those before them become one. */
  cut(start: number, end: number): string {
    const first = this.#count((at) => this.#leftBefore(at) <= start);
    const before = this.#before[first] ?? 0;
    const stretches = before === 0 ? [] : [{ start, end: start + before }];
    for (let at = first; at < this.#starts.length && this.#leftBefore(at) < end; at += 1) {
      const from = this.#starts[at] ?? 0;
      stretches.push({ start: from, end: from + (this.#before[at + 1] ?? 0) - (this.#before[at] ?? 0) });
    }
    return writeStretches(stretches).toString("base64");
  }

  #leftBefore(at: number): number {
    return (this.#starts[at] ?? 0) - (this.#before[at] ?? 0);
  }

  /** Counts the first stretches for which a condition holds. */
  #count(holds: (at: number) => boolean): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Facts of a file with its deleted rows. Null: none are. */
interface WithDeleted {
  readonly deleted: DeletedRows | null;
}

/** Cuts the deleted rows of an index to those that rows `[rowStart, rowEnd)` need. */
export function cutIndex<T extends WithDeleted>(index: T, rowStart: number, rowEnd: number): T {
  const { deleted } = index;
  if (deleted === null) return index;
  return { ...index, deleted: { ...deleted, stretches: new RowsLeft(deleted).cut(rowStart, rowEnd) } };
}

/** Returns the row of the data file itself, by the row that is left. */
export function rowOf({ deleted }: WithDeleted, row: number): number {
  return deleted === null ? row : new RowsLeft(deleted).rowOf(row);
}

/** Returns deleted rows, at least one, by their stretches, in order. */
export function asDeleted(ranges: Iterable<RowRange>): DeletedRows {
  let rows = 0;
  let last = -1;
  const counted = function* () {
    for (const range of ranges) {
      rows += range.end - range.start;
      last = range.end - 1;
      yield range;
    }
  };
  const bytes = writeStretches(counted());
  return { stretches: bytes.toString("base64"), rows, last, sha256: sha256(bytes) };
}

/** Writes stretches in the form of `DeletedRows`. */
function writeStretches(stretches: Iterable<RowRange>): Buffer {
  let bytes = Buffer.alloc(1 << 10);
  let length = 0;
  let last = 0;
  const write = (value: number) => {
    if (length + 8 > bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      bytes[length] = (rest % 0x80) | 0x80;
      length += 1;
    }
    bytes[length] = rest;
    length += 1;
  };
  for (const { start, end } of stretches) {
    write(start - last);
    write(end - start);
    last = end;
  }
  return bytes.subarray(0, length);
}

function readNumbers(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 0x80;
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
    scale = 1;
  }
  return numbers;
}
