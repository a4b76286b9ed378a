/** Rows `[rowStart, rowEnd)` of the dataset. */
export interface RowRange {
  readonly rowStart: number;
  readonly rowEnd: number;
}

/**
 * Stretches of rows: enough to see a dataset that changes along the way, few enough that reading row groups
 * stays quick.
 */
const STRETCHES = 8;

/**
 * About `rows` rows of a dataset of `total`, in order, in stretches at even distances; all rows of one that
 * has no more.
 */
export function spreadSample(total: number, rows: number): RowRange[] {
  if (total <= rows) return total === 0 ? [] : [{ rowStart: 0, rowEnd: total }];
  const count = Math.min(STRETCHES, rows);
  // What is left out lies in equal parts behind the stretches: so no two of them overlap.
  return Array.from({ length: count }, (_, index) => {
    const leftOut = Math.floor((index * (total - rows)) / count);
    const start = Math.floor((index * rows) / count);
    const end = Math.floor(((index + 1) * rows) / count);
    return { rowStart: start + leftOut, rowEnd: end + leftOut };
  });
}
