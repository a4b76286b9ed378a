/** How a shard's rows are accounted for. Rows of the input are counted, but for `rowsOut`. */
export interface RowCounts {
  /** The shard's rows: `rowsMapped + rowsFiltered + rowsDead`. */
  readonly rowsIn: number;
  /** Those that are in the output, with one row of it or, where a step makes several of one, more. */
  readonly rowsMapped: number;
  /** Those that a step of the job dropped. */
  readonly rowsFiltered: number;
  /** Those that could not be mapped: the dead letters. */
  readonly rowsDead: number;
  /** Rows of the output: at least one for each row that is mapped, and none for any other. */
  readonly rowsOut: number;
  /** Of the mapped rows, those of which a tokenizer cut off a text: the model did not see all of it. */
  readonly rowsTruncated: number;
  /** Mapped rows of which the last sound window was filled up. A sound has one such window at most. */
  readonly rowsFilled: number;
}

/** Why `counts` do not account for a shard of `expected` rows; null when they do. */
export function rowCountsFault(counts: RowCounts, expected: number): string | null {
  const { rowsIn, rowsMapped, rowsFiltered, rowsDead, rowsOut, rowsTruncated, rowsFilled } = counts;
  const all = [rowsIn, rowsMapped, rowsFiltered, rowsDead, rowsOut, rowsTruncated, rowsFilled];
  const found = `${rowsMapped} rows mapped, ${rowsFiltered} filtered and ${rowsDead} dead of ${rowsIn}, ${rowsOut} rows out, ${rowsTruncated} truncated, ${rowsFilled} filled up`;
  if (!all.every((rows) => Number.isSafeInteger(rows) && rows >= 0)) return found;
  if (rowsIn !== expected || rowsMapped + rowsFiltered + rowsDead !== expected) return found;
  if (Math.max(rowsTruncated, rowsFilled) > rowsMapped) return found;
  return rowsOut < rowsMapped || (rowsMapped === 0 && rowsOut > 0) ? found : null;
}

/** The counts alone, of whatever has them. */
export function rowCountsOf(counts: RowCounts): RowCounts {
  const { rowsIn, rowsMapped, rowsFiltered, rowsDead, rowsOut, rowsTruncated, rowsFilled } = counts;
  return { rowsIn, rowsMapped, rowsFiltered, rowsDead, rowsOut, rowsTruncated, rowsFilled };
}
