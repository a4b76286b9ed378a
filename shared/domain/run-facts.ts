import { recordOf } from "../core/record-of.ts";
import type { DeviceReport } from "./accuracy.ts";
import { NO_VERDICT, type RunVerdict } from "./bottleneck.ts";
import type { JobConversion } from "./conversion.ts";
import type { EndProgress } from "./end-progress.ts";
import type { Fetching } from "./fetching.ts";
import type { JobPhase } from "./job.ts";
import { RUN_COUNTS, type RunCounts } from "./row-counts.ts";
import type { StoreCounts } from "./store-counts.ts";
import type { StoreWaiting } from "./store-waiting.ts";
import type { TaskRun } from "./task-run.ts";

/*
 * Facts of a run. Status, summary and manifest are built from them, and the build fails until a new fact is
 * complete. A row count of each partial is a row of row-counts.ts instead. A new fact needs:
 *
 * 1. A line here, in the interface of the part that measures it, and its value where nothing runs (`NO_RUN`).
 * 2. A field in `JobStatus` of proto/shardmill/v1/jobs.proto. Then run `npm run descriptors`.
 * 3. A row in the table of shared/wire/codec-status.ts.
 * 4. Its value, where it is measured: the core (coordinator/schedule/state/progress.ts), the pace
 *    (coordinator/insight/pace-meter.ts) or the verdict (coordinator/insight/run-watch.ts).
 *
 * The JSON summary then has the fact. To keep it in the output's manifest, add its name to `KEPT_FACTS`.
 */

/** Progress of a job, counted by the core. The table of row counts adds sums over partials. */
export interface JobProgress extends RunCounts {
  readonly phase: JobPhase;
  /** Rows of the plan: rows of the input without pruned and skipped ones. */
  readonly rowsTotal: number;
  /**
   * Rows of the input that nothing reads, because the files' statistics show that `input.where` excludes
   * them.
   */
  readonly rowsPruned: number;
  /** Rows of the input that nothing reads, because `input.sample` or `input.limit` skips them. */
  readonly rowsSkipped: number;
  /** Rows of committed shards, poisoned rows, and rows that live leases report. */
  readonly rowsDone: number;
  readonly rowsCommitted: number;
  readonly deadLetters: number;
  readonly shardsTotal: number;
  readonly shardsCommitted: number;
  /** Shards on which a worker works, or whose partial is being verified. */
  readonly shardsLeased: number;
  /** Executions started over all generations. `attemptsFailed` counts the failed ones. */
  readonly attempts: number;
  readonly attemptsFailed: number;
  readonly workers: number;
}

/** Speed of a run, measured by its coordinator. */
export interface RunPace {
  /** Time that coordinators have spent on the job: this one, and earlier ones according to the journal. */
  readonly seconds: number;
  /** Rows per second: over the last minute while running, over the whole run once ended. */
  readonly rowsPerSecond: number;
  /** Estimate of the remaining time. Null: this coordinator has not committed a shard yet. */
  readonly secondsLeft: number | null;
}

export interface RunFacts extends JobProgress, RunPace, RunVerdict {
  /** Conversion of the model. Null: the model is not converted. */
  readonly conversion: JobConversion | null;
  /** Comparisons of the workers' devices with the CPU. Workers on the CPU have none. */
  readonly devices: readonly DeviceReport[];
  /**
   * Requests to stores by name, since this coordinator opened the job. Counts those of the coordinator, its
   * processes and the workers. Concurrent jobs each count all requests of the coordinator. A worker's
   * requests count for one job.
   */
  readonly stores: readonly StoreCounts[];
  /** Total download of the model by workers that have no rows yet. Null: none downloads it. */
  readonly fetching: Fetching | null;
  /** Store that the job waits for. Null: it waits for none. */
  readonly waiting: StoreWaiting | null;
  /** Tasks of the reductions by key that workers run or ran, in the order of the job file. */
  readonly tasks: readonly TaskRun[];
  /** Progress of the job's end. Null: the end has not begun, or the step is not counted. */
  readonly endProgress: EndProgress | null;
}

/** Facts of a job that does not run here, and of which nothing is known. */
export const NO_RUN: RunFacts = {
  phase: "planning",
  rowsTotal: 0,
  rowsPruned: 0,
  rowsSkipped: 0,
  rowsDone: 0,
  rowsCommitted: 0,
  ...recordOf(RUN_COUNTS, () => 0),
  deadLetters: 0,
  shardsTotal: 0,
  shardsCommitted: 0,
  shardsLeased: 0,
  attempts: 0,
  attemptsFailed: 0,
  workers: 0,
  seconds: 0,
  rowsPerSecond: 0,
  secondsLeft: null,
  ...NO_VERDICT,
  conversion: null,
  devices: [],
  stores: [],
  tasks: [],
  fetching: null,
  waiting: null,
  endProgress: null,
};

/** Facts that the manifest keeps under the same names. They describe the run, not its output. */
const STORED_FACTS = [
  "attempts",
  "bottleneck",
  "stages",
  "devices",
  "stores",
  "tasks",
] as const satisfies readonly (keyof RunFacts)[];
export type StoredFacts = Pick<RunFacts, (typeof STORED_FACTS)[number]>;

/** Returns the kept facts of a run, or of a manifest. */
export function storedFacts(facts: StoredFacts): StoredFacts {
  const kept: Partial<Record<keyof StoredFacts, unknown>> = {};
  for (const name of STORED_FACTS) kept[name] = facts[name];
  return kept as StoredFacts;
}
