/** When a shard's rows were written, and how many. */
interface Completion {
  readonly atMs: number;
  readonly rows: number;
}

export interface RunPhases {
  /** From the start of the process to the first shard that was whole. */
  readonly startSeconds: number;
  /** Rows a second from the first whole shard to the last but one. */
  readonly rowsPerSecond: number;
  /** How many rows that was measured over. */
  readonly steadyRows: number;
  /**
   * From the last shard but one to the end of the process: the lanes run empty, the last files are written,
   * published.
   */
  readonly tailSeconds: number;
  readonly wholeSeconds: number;
}

/** Fewer and there is nothing between the first shard and the last. */
const LEAST_SHARDS = 4;

/**
 * Cuts a run into its start, its steady part and its tail, by when each shard was whole. A shard is whole
 * some time after its rows were inferred, and so is every other: between two such times the rows are those of
 * the shards that ended there.
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
      `a run has ${LEAST_SHARDS} shards at least, this has ${inOrder.length}: give more rows, or --set input.shardRows=100`,
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
 * What three loops, each alone on all cores, come to when one core after another does all three: seconds a
 * row add up.
 */
export function addedUp(rowsPerSecond: readonly number[]): number {
  return 1 / rowsPerSecond.reduce((sum, rate) => sum + 1 / rate, 0);
}
