import { KEPT_MEASURE, RunMemory } from "../../coordinator/insight/run-memory.ts";
import type { JobHandle } from "../../coordinator/job/job-handle.ts";
import { idleMetrics } from "../../coordinator/job/job-metrics.ts";
import { NO_VIEW } from "../../coordinator/job/job-view.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import { USUAL_STANDING } from "../../shared/domain/standing.ts";
import { aJobId } from "./ids.ts";
import { aBusyRun } from "./run-history.ts";

const SHARDS = 200_000;
/** Returns the cells of the shard map of {@link A_RUNNING_JOB}. */
export function aShardMap(): Uint8Array {
  return new Uint8Array(SHARDS).fill(3, 0, 120_000).fill(1, 120_000, 120_400);
}

/** Returns a job as the page sees it, with arriving rows. */
export function aJobHandle(cells: Uint8Array, jobId: string, facts: Partial<JobStatus>): JobHandle {
  const status: JobStatus = {
    ...NO_RUN,
    ...USUAL_STANDING,
    jobId: aJobId(jobId),
    name: jobId,
    output: "/data/out",
    manifest: "",
    rowsFormat: "parquet",
    ended: null,
    failure: null,
    ...facts,
  };
  const memory = new RunMemory({ beganMs: 0, beganWallMs: 0 });
  const history: RunHistory = { ...memory.history(KEPT_MEASURE), ...aBusyRun() };
  return {
    jobId: status.jobId,
    origin: { kind: "new" },
    notes: [],
    stores: NO_STORES,
    status: () => ({ ...status, rowsDone: status.rowsDone + (Math.round(performance.now()) % 7) }),
    metrics: () => idleMetrics({ phase: "published", shardsTotal: 1, shardsCommitted: 1 }),
    view: () => ({
      kind: "live",
      atEnd: () => NO_VIEW,
      spec: { name: jobId, note: "<b>not markup</b>" },
      history: () => history,
      cells: () => cells.slice(),
    }),
    ended: new Promise(() => {}),
    cancel: async () => {},
    changeStanding: async () => {},
  };
}

export const A_RUNNING_JOB: Partial<JobStatus> = {
  phase: "running",
  rowsTotal: 1_000_000_000,
  rowsDone: 600_000_000,
  rowsPerSecond: 81_234,
  secondsLeft: 4_924,
  shardsTotal: SHARDS,
  shardsCommitted: 120_000,
  shardsLeased: 400,
  workers: 132,
  deadLetters: 19,
  seconds: 7_380,
  bottleneck: "infer",
  advice: "the model is the bottleneck: more GPUs would help.",
  stages: { read: 0.08, decode: 0.31, tensorize: 0.12, infer: 0.93, encode: 0.2 },
  batch: { rows: 256, length: null, bound: "speed" },
};
