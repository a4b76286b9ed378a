import { recordOf } from "../../shared/core/record-of.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { RUN_COUNTS } from "../../shared/domain/row-counts.ts";
import type { TaskRun } from "../../shared/domain/task-run.ts";
import { aJobId } from "./ids.ts";

/** Returns the status of a running job. */
export function aJobStatus(changes: Partial<JobStatus> = {}): JobStatus {
  return {
    jobId: aJobId("digits-1"),
    name: "digits",
    phase: "running",
    rowsTotal: 10_000,
    rowsPruned: 0,
    rowsSkipped: 0,
    rowsDone: 6_250,
    rowsCommitted: 5_000,
    ...recordOf(RUN_COUNTS, () => 0),
    rowsOut: 5_000,
    deadLetters: 0,
    shardsTotal: 8,
    shardsCommitted: 4,
    shardsLeased: 2,
    attempts: 6,
    attemptsFailed: 0,
    workers: 2,
    seconds: 4.2,
    rowsPerSecond: 2_400,
    secondsLeft: 1.5,
    bottleneck: "infer",
    stages: {
      read: 0.02,
      decode: 0.214,
      tensorize: 0.05,
      infer: 0.931,
      collect: 0.01,
      encode: 0.12,
      store: 0,
    },
    padding: null,
    batch: { rows: 256, length: null, bound: "speed" },
    advice: "the model is the bottleneck: use a GPU, more machines, model.precision int8, or a smaller model",
    conversion: null,
    devices: [],
    stores: [],
    tasks: [],
    fetching: null,
    waiting: null,
    endProgress: null,
    output: "/data/out",
    manifest: "",
    rowsFormat: "parquet",
    failure: null,
    ended: null,
    priority: 0,
    paused: false,
    ...changes,
  };
}

/** Returns the tasks of a reduction while they run. */
export function aTaskRun(changes: Partial<TaskRun> = {}): TaskRun {
  return {
    reduction: "visits",
    tasks: 64,
    done: 12,
    running: 3,
    attemptsFailed: 0,
    workers: 3,
    seconds: 12.34,
    rowsRead: 1_000,
    mostRows: 20,
    heavyKeys: [],
    ...changes,
  };
}

/** Returns the status of the same job after its success. */
export function aPublishedJob(changes: Partial<JobStatus> = {}): JobStatus {
  return aJobStatus({
    phase: "published",
    rowsDone: 10_000,
    rowsCommitted: 10_000,
    rowsOut: 10_000,
    shardsCommitted: 8,
    shardsLeased: 0,
    attempts: 8,
    secondsLeft: null,
    manifest: "/data/out/_manifest.json",
    ...changes,
  });
}
