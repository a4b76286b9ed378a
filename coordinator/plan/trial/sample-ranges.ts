import { sha256 } from "../../../shared/core/digest.ts";

/** Range `[start, end)` of row numbers, over all rows that are not pruned. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

interface SampleOptions {
  /** Share of the rows, above 0 and at most 1. */
  readonly share: number;
  readonly seed: number;
}

/**
 * Least number of places in a sample: fewer represent a changing dataset badly. Each place costs the read of
 * a row group. So places are at most this many times the row groups that the sample would fill.
 */
const PLACES = 8;

/**
 * Samples about `share` of `total` rows, at least one. Returns ranges in order, from all over the dataset.
 * Every row has the same chance, and equal arguments always give the same sample.
 *
 * The skipped rows are cut into as many equal gaps as there are ranges. Each range is shifted within its gap
 * at random. Then everything is rotated at random, as on a ring:
 *
 * ```
 * ....####|##......|....####|.####...     ranges in their gaps
 * #|##......|....####|.####.......###     rotated
 * ```
 *
 * @param rowGroups number of row groups that hold the rows
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
    // A range beyond the end continues at the start.
    add(Math.min(start, total), Math.min(end, total));
    add(Math.max(start - total, 0), Math.max(end - total, 0));
  }
  return ranges.sort((a, b) => a.start - b.start);
}

/** Returns the first `limit` rows of the ranges. */
export function firstRows(ranges: readonly RowRange[], limit: number): RowRange[] {
  let left = limit;
  return ranges.flatMap(({ start, end }) => {
    const taken = Math.min(left, end - start);
    left -= taken;
    return taken === 0 ? [] : [{ start, end: start + taken }];
  });
}

/** Hex digits for a number: enough for a double's 52 bits. */
const UNIT_DIGITS = 13;

/** Returns a number in [0, 1) that depends only on the seed and the index. */
function unitOf(seed: number, index: number): number {
  return Number.parseInt(sha256(`${seed} ${index}`).slice(0, UNIT_DIGITS), 16) / 16 ** UNIT_DIGITS;
}
