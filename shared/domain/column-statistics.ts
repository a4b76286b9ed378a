/**
 * What a file says of one column's values in one row group. The bounds need not be values that are there: no
 * value lies below `least` or above `greatest`.
 */
export interface ColumnStatistics {
  /**
   * As text, whatever is counted: digits for whole numbers, dates, timestamps and decimals (in the column's
   * own unit and scale), 0 and 1 for truth values, a number for floats, and for strings a character a byte.
   * Null: not known.
   */
  readonly least: string | null;
  readonly greatest: string | null;
  /** Null: not known. */
  readonly nulls: number | null;
  /** How many values there are, nulls and repeats left out. Left out: not known. */
  readonly distinct?: number;
}

/** By column name; a column that is not here has none that could be used. */
export type RowGroupStatistics = Readonly<Record<string, ColumnStatistics>>;
