import type { Table } from "apache-arrow";
import { rowBytes } from "./value-bytes.ts";

/**
 * Limits of a record batch or a row group. Rows alone are not enough: offsets of strings and lists end at
 * 2^31, which a few thousand long values reach.
 */
export interface PieceLimits {
  readonly rows: number;
  /** Limit of bytes as `valueBytes` counts them. A single row may exceed it. */
  readonly bytes: number;
}

/** Range of rows `[start, end)`. */
export interface RowPiece {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts `rows` rows into pieces, in order. Each piece is as long as the limits allow, and at least one row.
 * Zero rows give one empty piece.
 *
 * @param bytesOf returns the bytes of rows `[start, end)`: never fewer for more rows
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

/** Finds the largest end up to `most` that fits. Takes at least one row, even if it does not fit. */
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

/** Cuts a table's rows. The same rows are cut at the same places, whatever their record batches. */
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
