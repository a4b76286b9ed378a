/** What went into one run. */
export interface BatchShape {
  readonly rows: number;
  /**
   * The steps that each row is padded to, where rows are uneven; null where all have the model's own shape.
   */
  readonly length: number | null;
}

/** What a batch costs by: its rows, or, where they are uneven, its steps, padding included. */
export function unitsOf({ rows, length }: BatchShape): number {
  return rows * (length ?? 1);
}

/** The rows of `length` steps that are in so many units: at least one. */
export function rowsIn(units: number, length: number | null): number {
  return Math.max(1, Math.floor(units / (length ?? 1)));
}
