import { sha256 } from "../../../shared/core/digest.ts";

/** Rows `[start, end)` of all that could be worked on, numbered through. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

interface SampleOptions {
  /** Of the rows, above 0 and at most 1. */
  readonly share: number;
  readonly seed: number;
}

/**
 * From fewer places a sample says little of a dataset that changes along the way. Each place costs the read
 * of a row group, so there are no more of them than this many times the row groups that the sample would
 * fill.
 */
const PLACES = 8;

/**
 * About `share` of `total` rows, at least one: stretches side by side, in order, from all over. Every row is
 * as likely to be among them as any other, and the same question has the same answer for ever.
 *
 * The rows that are left out are cut into as many equal gaps as there are stretches, each stretch slides by
 * chance within its gap, and all of it is turned by chance, as on a ring:
 *
 * ```
 * ....####|##......|....####|.####...     stretches in their gaps
 * #|##......|....####|.####.......###     turned
 * ```
 *
 * @param rowGroups how many of them hold the rows
 */
export function sampleRanges(total: number, rowGroups: number, { share, seed }: SampleOptions): RowRange[] {
  const rows = Math.min(total, Math.max(1, Math.round(total * share)));
  if (rows === total) return total === 0 ? [] : [{ start: 0, end: total }];
  const places = Math.min(rows, Math.max(PLACES, Math.min(rowGroups, Math.ceil(PLACES * share * rowGroups))));
  const chance = (index: number, below: number) => Math.floor(unitOf(seed, index) * below);
  const turn = chance(0, total);
  const ranges: RowRange[] = [];
  const add = (start: number, end: number) => {
    if (start < end) ranges.push({ start, end });
  };
  for (let place = 0; place < places; place += 1) {
    const [from, to] = [place / places, (place + 1) / places];
    const [taken, takenNext] = [from, to].map((part) => Math.floor(rows * part)) as [number, number];
    const [left, leftNext] = [from, to].map((part) => Math.floor((total - rows) * part)) as [number, number];
    const start = turn + taken + left + chance(place + 1, leftNext - left + 1);
    const end = start + takenNext - taken;
    // What goes over the end of the ring begins at its start again.
    add(Math.min(start, total), Math.min(end, total));
    add(Math.max(start - total, 0), Math.max(end - total, 0));
  }
  return ranges.sort((a, b) => a.start - b.start);
}

/** The first `limit` rows of some. */
export function firstRows(ranges: readonly RowRange[], limit: number): RowRange[] {
  let left = limit;
  return ranges.flatMap(({ start, end }) => {
    const taken = Math.min(left, end - start);
    left -= taken;
    return taken === 0 ? [] : [{ start, end: start + taken }];
  });
}

/** Enough hex digits for a double's 52 bits. */
const UNIT_DIGITS = 13;

/** A number in [0, 1) that hangs on the seed and the index alone. */
function unitOf(seed: number, index: number): number {
  return Number.parseInt(sha256(`${seed} ${index}`).slice(0, UNIT_DIGITS), 16) / 16 ** UNIT_DIGITS;
}
