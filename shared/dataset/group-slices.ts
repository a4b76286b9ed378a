import { assert } from "../core/assert.ts";
import type { RowGroup } from "../domain/dataset.ts";

/** Rows `[offset, offset + rows)` of one row group. */
export interface GroupSlice {
  readonly group: number;
  readonly offset: number;
  readonly rows: number;
}

/** Cuts rows `[rowStart, rowEnd)` of a file into parts of row groups, in order, without empty ones. */
export function cutRowGroups(rowGroups: readonly RowGroup[], rowStart: number, rowEnd: number): GroupSlice[] {
  assert(0 <= rowStart && rowStart <= rowEnd, `row range [${rowStart}, ${rowEnd}) is in order`);
  const slices: GroupSlice[] = [];
  let groupStart = 0;
  for (const [group, { rows }] of rowGroups.entries()) {
    const from = Math.max(rowStart, groupStart);
    const to = Math.min(rowEnd, groupStart + rows);
    if (from < to) slices.push({ group, offset: from - groupStart, rows: to - from });
    groupStart += rows;
  }
  assert(rowEnd <= groupStart, `row range [${rowStart}, ${rowEnd}) is inside the file's ${groupStart} rows`);
  return slices;
}
