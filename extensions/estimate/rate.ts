import type { Mark } from "./sample-protocol.ts";

export interface Rate {
  readonly rowsPerSecond: number;
  /** Standard error, relative to the rate. */
  readonly error: number;
}

const LEAST_MARKS = 5;

/**
 * Returns the slope of the least-squares line through the marks, with its standard error. Single marks are
 * early or late by a batch, but the line averages them. Null: too few marks.
 */
export function rateOf(marks: readonly Mark[]): Rate | null {
  if (marks.length < LEAST_MARKS) return null;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanMs = mean(marks.map(([atMs]) => atMs));
  const meanRows = mean(marks.map(([, rows]) => rows));
  const spread = marks.reduce((sum, [atMs]) => sum + (atMs - meanMs) ** 2, 0);
  const slope =
    marks.reduce((sum, [atMs, rows]) => sum + (atMs - meanMs) * (rows - meanRows), 0) /
    Math.max(spread, 1e-9);
  if (slope <= 0) return null;
  const off = marks.reduce((sum, [atMs, rows]) => sum + (rows - meanRows - slope * (atMs - meanMs)) ** 2, 0);
  const error = Math.sqrt(off / (marks.length - 2) / Math.max(spread, 1e-9));
  return { rowsPerSecond: slope * 1000, error: error / slope };
}

/**
 * Returns the rate over whole shards, for marks from one shard's end to another's. Rows of uneven lengths run
 * from the longest to the shortest, so their cost depends on their position. The least-squares line would
 * favour the middle of a shard.
 */
export function rateOfWhole(marks: readonly Mark[]): Rate | null {
  const [first, last, line] = [marks[0], marks.at(-1), rateOf(marks)];
  if (first === undefined || last === undefined || line === null) return null;
  return { rowsPerSecond: ((last[1] - first[1]) / (last[0] - first[0])) * 1000, error: line.error };
}

/**
 * Returns the time at which `rows` rows are done, in milliseconds. Reads it from the marks, and extrapolates
 * with `rowsPerSecond`. So the slow start matters for a short job, and hardly for a long one.
 */
export function whenDone(marks: readonly Mark[], rows: number, rowsPerSecond: number): number {
  const [lastMs, last] = marks.at(-1) ?? [0, 0];
  if (rows > last) return lastMs + ((rows - last) / rowsPerSecond) * 1000;
  const after = marks.findIndex(([, done]) => done >= rows);
  const [toMs, to] = marks[after] ?? [0, 0];
  const [fromMs, from] = marks[after - 1] ?? [toMs, 0];
  return to > from ? fromMs + ((toMs - fromMs) * (rows - from)) / (to - from) : toMs;
}
