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

/*
 * What is known of a run, said once. Status, summary and manifest are made of these facts, and the build
 * shows what a new one needs. A count of rows that each partial has is a row of row-counts.ts instead.
 * 1. a line here, in the interface of the part that measures it, and what it is where nothing runs
 *    (`NO_RUN`);
 * 2. a field in `JobStatus` of proto/shardmill/v1/jobs.proto, then `npm run descriptors`;
 * 3. a row in the table of shared/wire/codec-status.ts;
 * 4. its value, where it is measured: the core (coordinator/schedule/state/progress.ts), the pace
 *    (coordinator/insight/pace-meter.ts) or the verdict (coordinator/insight/run-watch.ts).
 * The JSON summary has it then. If the output's manifest shall keep it, its name goes into `KEPT_FACTS`.
 */

/** Progress of a job, counted by the core. Sums over the partials come from the table of row counts. */
export interface JobProgress extends RunCounts {
  readonly phase: JobPhase;
  /** Rows of the plan: those of the input but for the pruned and the skipped ones. */
  readonly rowsTotal: number;
  /** Rows of the input that `input.where` ruled out by what the files say of them: nobody reads them. */
  readonly rowsPruned: number;
  /** Rows of the input that `input.sample` and `input.limit` leave out: nobody reads them either. */
  readonly rowsSkipped: number;
  /** Rows of committed shards and poisoned rows, and what the live leases report. */
  readonly rowsDone: number;
  readonly rowsCommitted: number;
  readonly deadLetters: number;
  readonly shardsTotal: number;
  readonly shardsCommitted: number;
  /** Shards that a worker is at, or whose partial is being verified. */
  readonly shardsLeased: number;
  /** Executions started and failed, over all generations. */
  readonly attempts: number;
  readonly attemptsFailed: number;
  readonly workers: number;
}

/** How fast it is: measured by the coordinator that runs it. */
export interface RunPace {
  /** Time that coordinators have spent on the job: this one, and those before it as their journal has it. */
  readonly seconds: number;
  /** Rate over the last minute while running, over the whole run once ended. */
  readonly rowsPerSecond: number;
  /** Null before this coordinator has committed a shard. */
  readonly secondsLeft: number | null;
}

export interface RunFacts extends JobProgress, RunPace, RunVerdict {
  /** Null for a model that is used as it is. */
  readonly conversion: JobConversion | null;
  /** How the devices of its workers compare with the CPU; none for workers on the CPU. */
  readonly devices: readonly DeviceReport[];
  /**
   * What this coordinator, its processes and the workers asked of stores since it opened the job, by name.
   * Of several jobs at once, each has what the coordinator asked meanwhile; a worker's requests are of one.
   */
  readonly stores: readonly StoreCounts[];
  /** The model on its way to the workers that have no rows yet, together; null when none fetches it. */
  readonly fetching: Fetching | null;
  /** Store that the job waits for; null while it waits for none. */
  readonly waiting: StoreWaiting | null;
  /** How far the end of the job is; null before, and in steps that are not counted. */
  readonly endProgress: EndProgress | null;
}

/** The facts of a job that does not run here, and of which nothing else is known. */
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
  fetching: null,
  waiting: null,
  endProgress: null,
};

/**
 * The facts that the manifest keeps under the same names. They say how the output came about, not what it is.
 */
const KEPT_FACTS = [
  "attempts",
  "bottleneck",
  "stages",
  "devices",
  "stores",
] as const satisfies readonly (keyof RunFacts)[];
export type KeptFacts = Pick<RunFacts, (typeof KEPT_FACTS)[number]>;

/** The kept facts out of those of a run, or out of a manifest. */
export function keptFacts(facts: KeptFacts): KeptFacts {
  const kept: Partial<Record<keyof KeptFacts, unknown>> = {};
  for (const name of KEPT_FACTS) kept[name] = facts[name];
  return kept as KeptFacts;
}
