import type { Data } from "apache-arrow";
import { cutRows } from "../../shared/dataset/cut-rows.ts";
import { rangeBytes } from "../../shared/dataset/value-bytes.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";

interface ChunkRows {
  /** Kept columns of the rows. */
  readonly kept: readonly Data[];
  /** Rows, in order. */
  readonly runs: readonly RowRange[];
  /** Most bytes that are made for a row, in addition to kept columns. */
  readonly rowBytes: number;
  /** Returns further bytes of a row. Undefined: none. */
  readonly bytesOf?: ((row: number) => number) | undefined;
}

interface ChunkPiece {
  readonly runs: readonly RowRange[];
  readonly rows: number;
}

/**
 * Cuts rows of a chunk into pieces of at most `mostBytes` gathered bytes, or of one row. Chunks may have any
 * size, and a small dictionary's values may expand to gigabytes. No rows give no pieces.
 */
export function cutChunk({ kept, runs, rowBytes, bytesOf: own }: ChunkRows, mostBytes: number): ChunkPiece[] {
  const rows = runs.reduce((total, { start, end }) => total + end - start, 0);
  if (rows === 0) return [];
  const bytesOf = (start: number, end: number): number => {
    let bytes = (end - start) * rowBytes;
    for (const run of runsWithin(runs, start, end)) {
      for (const data of kept) bytes += rangeBytes(data, run.start, run.end);
      if (own !== undefined) for (let row = run.start; row < run.end; row += 1) bytes += own(row);
    }
    return bytes;
  };
  return cutRows(rows, { rows, bytes: mostBytes }, bytesOf).map(({ start, end }) => ({
    runs: runsWithin(runs, start, end),
    rows: end - start,
  }));
}

/** Returns rows `[start, end)`, counted over all runs together. */
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
