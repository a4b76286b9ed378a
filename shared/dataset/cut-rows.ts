import type { Table } from "apache-arrow";
import { rowBytes } from "./value-bytes.ts";

/**
 * What a record batch or a row group may hold. A count of rows alone is no limit: the offsets of strings and
 * lists end at 2^31, and a few thousand long values reach that.
 */
export interface PieceLimits {
  readonly rows: number;
  /** As `valueBytes` counts them. One row may have more. */
  readonly bytes: number;
}

/** Rows `[start, end)`. */
export interface RowPiece {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts `rows` rows into pieces, in order, each as long as the limits let it be and of one row at least. No
 * rows are one empty piece.
 *
 * @param bytesOf bytes of rows `[start, end)`: never fewer for more rows
 */
export function cutRows(
  rows: number,
  limits: PieceLimits,
  bytesOf: (start: number, end: number) => number,
): RowPiece[] {
  if (rows === 0) return [{ start: 0, end: 0 }];
  const isSmall = bytesOf(0, rows) <= limits.bytes;
  const pieces: RowPiece[] = [];
  for (let start = 0; start < rows; ) {
    const most = Math.min(rows, start + limits.rows);
    const end = isSmall ? most : fittingEnd(start, most, (to) => bytesOf(start, to) <= limits.bytes);
    pieces.push({ start, end });
    start = end;
  }
  return pieces;
}

/** The largest end up to `most` that fits; one row is taken whether it fits or not. */
function fittingEnd(start: number, most: number, fits: (end: number) => boolean): number {
  if (fits(most)) return most;
  let good = start + 1;
  let bad = most;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (fits(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Cuts a table's rows. The same rows are cut at the same places, in whatever record batches they came. */
export function cutTable({ batches, numRows }: Table, limits: PieceLimits): RowPiece[] {
  return cutRows(numRows, limits, (start, end) => {
    let bytes = 0;
    let first = 0;
    for (const { data } of batches) {
      const [from, to] = [Math.max(start - first, 0), Math.min(end - first, data.length)];
      if (from < to) bytes += rowBytes(data, from, to);
      first += data.length;
      if (first >= end) break;
    }
    return bytes;
  });
}
