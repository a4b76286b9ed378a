/** Time when a shard's rows were written, and their number. */
interface Completion {
  readonly atMs: number;
  readonly rows: number;
}

export interface RunPhases {
  /** Seconds from the start of the process to the first complete shard. */
  readonly startSeconds: number;
  /** Rows a second from the first complete shard to the second last. */
  readonly rowsPerSecond: number;
  /** Rows of that measurement. */
  readonly steadyRows: number;
  /**
   * Seconds from the second last shard to the end of the process. Lanes run empty, and the last files are
   * written and published.
   */
  readonly tailSeconds: number;
  readonly wholeSeconds: number;
}

/** Least number of shards: fewer leave nothing between the first and the last. */
const LEAST_SHARDS = 4;

/**
 * Cuts a run into its start, its steady part and its tail, by the completion times of its shards. Every shard
 * completes some time after its inference. So the rows between two completions are those of the shards
 * completed there.
 *
 * @throws for a run of too few shards
 */
export function runPhases(
  completions: readonly Completion[],
  run: { readonly startMs: number; readonly endMs: number },
): RunPhases {
  const inOrder = completions.toSorted((a, b) => a.atMs - b.atMs);
  const first = inOrder[0];
  const last = inOrder.at(-2);
  if (first === undefined || last === undefined || inOrder.length < LEAST_SHARDS)
    throw new Error(
      `a run needs at least ${LEAST_SHARDS} shards, this has ${inOrder.length}: give more rows, or --set input.shardRows=100`,
    );
  const steadyRows = inOrder.slice(1, -1).reduce((sum, { rows }) => sum + rows, 0);
  return {
    startSeconds: (first.atMs - run.startMs) / 1000,
    rowsPerSecond: steadyRows / ((last.atMs - first.atMs) / 1000),
    steadyRows,
    tailSeconds: (run.endMs - last.atMs) / 1000,
    wholeSeconds: (run.endMs - run.startMs) / 1000,
  };
}

/**
 * Combines the rates of loops that each ran alone on all cores. When each core does all the work, the seconds
 * a row add up.
 */
export function addedUp(rowsPerSecond: readonly number[]): number {
  return 1 / rowsPerSecond.reduce((sum, rate) => sum + 1 / rate, 0);
}
