import { note } from "../report/report.ts";
import type { Workload } from "../workloads/workload.ts";
import type { LoopBatching } from "./loop-rows.ts";
import type { LoopThreads } from "./loop-threads.ts";

const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768];
/** Padded positions of a batch of rows that were sorted by length. */
const POSITIONS = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768];
/** Sizes in a row without gain, after which larger ones are not tried. */
const PATIENCE = 3;

/**
 * Time limit of each family of batchings. After it, the best size so far counts. Only a slow or busy machine
 * reaches it, and a busy one's figures mean little.
 */
const SEARCH_MS = 60_000;

/** Number of batchings that are measured again. */
const FINALISTS = 3;

type BatchedLoop = Pick<LoopThreads, "prepare" | "measure">;

interface Trial {
  readonly batching: LoopBatching;
  readonly rowsPerSecond: number;
}

/**
 * Finds the fastest batching of the loop: rows in their order and, for uneven rows, also sorted by length.
 * Measures the fastest few again for longer, because other load may have favoured one.
 */
export async function findBatching(
  loop: BatchedLoop,
  workload: Pick<Workload, "inputs">,
  options: { readonly rows: number; readonly seconds: number; readonly nowMs?: () => number },
): Promise<LoopBatching> {
  const { nowMs = () => performance.now() } = options;
  const uneven = workload.inputs.some(({ rowDims }) => rowDims.includes(null));
  const families: LoopBatching[][] = [
    ROWS.filter((size) => size <= options.rows).map((size) => ({ kind: "rows", rows: size })),
    uneven ? POSITIONS.map((positions) => ({ kind: "sorted", positions })) : [],
  ];
  const tried: Trial[] = [];
  for (const family of families) {
    const endMs = nowMs() + SEARCH_MS;
    let [fastest, withoutGain] = [0, 0];
    for (const batching of family) {
      const trial = await tryBatching(loop, batching, options.seconds);
      tried.push(trial);
      withoutGain = trial.rowsPerSecond > fastest ? 0 : withoutGain + 1;
      fastest = Math.max(fastest, trial.rowsPerSecond);
      if (withoutGain === PATIENCE || nowMs() > endMs) break;
    }
  }
  const again: Trial[] = [];
  for (const { batching } of fastestFirst(tried).slice(0, FINALISTS))
    again.push(await tryBatching(loop, batching, 3 * options.seconds));
  const [best] = fastestFirst(again);
  if (best === undefined) throw new Error("no batch could be tried");
  return best.batching;
}

async function tryBatching(loop: BatchedLoop, batching: LoopBatching, seconds: number): Promise<Trial> {
  await loop.prepare(batching);
  const rowsPerSecond = await loop.measure(seconds);
  note(`  bare loop, ${batchingText(batching)}: ${Math.round(rowsPerSecond)} rows/s`);
  return { batching, rowsPerSecond };
}

function fastestFirst(trials: readonly Trial[]): readonly Trial[] {
  return trials.toSorted((a, b) => b.rowsPerSecond - a.rowsPerSecond);
}

export function batchingText(batching: LoopBatching): string {
  return batching.kind === "rows" ? `${batching.rows} rows` : `sorted, ${batching.positions} tokens`;
}
