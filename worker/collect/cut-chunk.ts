import type { Data } from "apache-arrow";
import { cutRows } from "../../shared/dataset/cut-rows.ts";
import { rangeBytes } from "../../shared/dataset/value-bytes.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";

interface ChunkRows {
  /** The columns that are kept of the rows. */
  readonly kept: readonly Data[];
  /** The rows, in order. */
  readonly runs: readonly RowRange[];
  /** Bytes that are made for each row beside what is kept, at most. */
  readonly rowBytes: number;
}

interface ChunkPiece {
  readonly runs: readonly RowRange[];
  readonly rows: number;
}

/**
 * Cuts rows of a chunk so that the columns that are gathered of each piece have `mostBytes` at most, or it is
 * one row: a chunk of any size may come in, and a small dictionary's values may become gigabytes. No rows are
 * no piece.
 */
export function cutChunk({ kept, runs, rowBytes }: ChunkRows, mostBytes: number): ChunkPiece[] {
  const rows = runs.reduce((total, { start, end }) => total + end - start, 0);
  if (rows === 0) return [];
  const bytesOf = (start: number, end: number): number => {
    let bytes = (end - start) * rowBytes;
    for (const run of runsWithin(runs, start, end))
      for (const data of kept) bytes += rangeBytes(data, run.start, run.end);
    return bytes;
  };
  return cutRows(rows, { rows, bytes: mostBytes }, bytesOf).map(({ start, end }) => ({
    runs: runsWithin(runs, start, end),
    rows: end - start,
  }));
}

/** Rows `[start, end)` of those that the runs have together. */
function runsWithin(runs: readonly RowRange[], start: number, end: number): RowRange[] {
  const within: RowRange[] = [];
  let first = 0;
  for (const run of runs) {
    const [from, to] = [Math.max(start - first, 0), Math.min(end - first, run.end - run.start)];
    if (from < to) within.push({ start: run.start + from, end: run.start + to });
    first += run.end - run.start;
    if (first >= end) break;
  }
  return within;
}
