import type { Mark } from "./sample-protocol.ts";

export interface Rate {
  readonly rowsPerSecond: number;
  /** The standard error, as a share of the rate. */
  readonly error: number;
}

const LEAST_MARKS = 5;

/**
 * The speed at which the marks go on: the slope of the line of least squares through them, and its standard
 * error. Single marks are early or late by a batch; the line is not. Null with too few marks to tell.
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
 * The same for marks from one shard's end to another's, where rows cost more or less by their place in the
 * shard: those of uneven lengths run from the longest to the shortest. Only whole shards tell their mean; the
 * line would lean on the middle.
 */
export function rateOfWhole(marks: readonly Mark[]): Rate | null {
  const [first, last, line] = [marks[0], marks.at(-1), rateOf(marks)];
  if (first === undefined || last === undefined || line === null) return null;
  return { rowsPerSecond: ((last[1] - first[1]) / (last[0] - first[0])) * 1000, error: line.error };
}

/**
 * When `rows` were (or will be) done, in milliseconds: read off the marks as far as they go, then on at
 * `rowsPerSecond`. So a short job has the slow beginning that it will have, and a long one hardly notices it.
 */
export function whenDone(marks: readonly Mark[], rows: number, rowsPerSecond: number): number {
  const [lastMs, last] = marks.at(-1) ?? [0, 0];
  if (rows > last) return lastMs + ((rows - last) / rowsPerSecond) * 1000;
  const after = marks.findIndex(([, done]) => done >= rows);
  const [toMs, to] = marks[after] ?? [0, 0];
  const [fromMs, from] = marks[after - 1] ?? [toMs, 0];
  return to > from ? fromMs + ((toMs - fromMs) * (rows - from)) / (to - from) : toMs;
}
