/**
 * Statistics of one column in one row group, from the file. No value lies below `least` or above `greatest`,
 * but the bounds themselves need not occur.
 */
export interface ColumnStatistics {
  /**
   * Bound as text. Whole numbers, dates, timestamps and decimals are digits, in the column's own unit and
   * scale. Booleans are 0 and 1, floats are numbers, and strings have one character a byte. Null: unknown.
   */
  readonly least: string | null;
  readonly greatest: string | null;
  /** Count of nulls. Null: unknown. */
  readonly nulls: number | null;
  /** Count of distinct values without null. Undefined: unknown. */
  readonly distinct?: number;
}

/** Usable statistics by column name. */
export type RowGroupStatistics = Readonly<Record<string, ColumnStatistics>>;
