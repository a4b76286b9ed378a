import type { FileCut, RowGroup } from "../../../shared/domain/dataset.ts";
import { DatasetRows, type FileSlice } from "../../../shared/domain/dataset-rows.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { firstRows, type RowRange, sampleRanges } from "./sample-ranges.ts";

/** Facts of a file that shards are cut from, see `planShards`. */
interface CutFile {
  readonly rowGroups: readonly RowGroup[];
  readonly afterGaps?: ReadonlySet<number>;
  readonly layout: string;
  readonly cut?: FileCut;
}

interface RowsToTakeFrom {
  readonly files: readonly CutFile[];
  /** Rows of each file, including pruned ones. */
  readonly fileRows: readonly number[];
  readonly pruned: readonly FileSlice[];
}

interface TakenRows {
  readonly files: readonly CutFile[];
  /** Skipped rows, without the pruned ones. */
  readonly skipped: readonly FileSlice[];
}

/**
 * Returns the rows of a trial: those that `input.sample` and then `input.limit` take from the unpruned rows.
 * A row group of which some rows are taken becomes a smaller one, or several.
 */
export function takeRows(
  { files, fileRows, pruned }: RowsToTakeFrom,
  { sample, limit }: Pick<JobSpec["input"], "sample" | "limit">,
): TakenRows {
  if (sample === undefined && limit === undefined) return { files, skipped: [] };
  const rows = new DatasetRows(fileRows, pruned);
  const groups = files.reduce((count, { rowGroups }) => count + rowGroups.length, 0);
  const sampled = sampleRanges(rows.total, groups, sample ?? { share: 1, seed: 0 });
  const taken = limit === undefined ? sampled : firstRows(sampled, limit);
  const skipped = between(taken, rows.total).flatMap(({ start, end }) =>
    rows.slicesOf({ rowStart: start, rowEnd: end }),
  );
  return { files: cutFiles(files, taken), skipped };
}

/** Returns the rows before, between and after the ranges. */
function between(ranges: readonly RowRange[], total: number): RowRange[] {
  const ends = [0, ...ranges.map(({ end }) => end)];
  const starts = [...ranges.map(({ start }) => start), total];
  return ends.flatMap((start, index) => {
    const end = starts[index] ?? total;
    return start < end ? [{ start, end }] : [];
  });
}

function cutFiles(files: readonly CutFile[], taken: readonly RowRange[]): CutFile[] {
  let groupStart = 0;
  let next = 0;
  return files.map(({ rowGroups, afterGaps, layout, cut }) => {
    const pieces: RowGroup[] = [];
    const gaps = new Set<number>();
    let hasGap = false;
    for (const [index, { rows, bytes }] of rowGroups.entries()) {
      const groupEnd = groupStart + rows;
      if (afterGaps?.has(index) === true) hasGap = true;
      if (rows === 0) continue;
      let at = groupStart;
      for (let range = taken[next]; range !== undefined && range.start < groupEnd; range = taken[next]) {
        const [start, end] = [Math.max(range.start, at), Math.min(range.end, groupEnd)];
        if (start > at) hasGap = true;
        if (hasGap && pieces.length > 0) gaps.add(pieces.length);
        hasGap = false;
        pieces.push({ rows: end - start, bytes: Math.ceil((bytes * (end - start)) / rows) });
        at = end;
        if (range.end > groupEnd) break;
        next += 1;
      }
      if (at < groupEnd) hasGap = true;
      groupStart = groupEnd;
    }
    return { rowGroups: pieces, afterGaps: gaps, layout, ...(cut === undefined ? {} : { cut }) };
  });
}
