import { recordOf } from "../core/record-of.ts";
import { BOTTLENECKS } from "../domain/bottleneck.ts";
import { END_STEPS, type EndProgress } from "../domain/end-progress.ts";
import { JOB_PHASES } from "../domain/job.ts";
import type { JobStatus } from "../domain/job-status.ts";
import { RUN_COUNTS } from "../domain/row-counts.ts";
import type { StoreWaiting } from "../domain/store-waiting.ts";
import type { HeavyKey, TaskRun } from "../domain/task-run.ts";
import { deviceReportCodec, jobConversionCodec } from "./codec-accuracy.ts";
import { errorCodec } from "./codec-error.ts";
import { batchInUseCodec, fetchingCodec, storeCountsCodec } from "./codec-worker.ts";
import { field } from "./field.ts";
import { tableCodec } from "./table-codec.ts";

const storeWaitingCodec = tableCodec<StoreWaiting>("StoreWaiting", {
  store: field.text,
  seconds: field.number,
  reason: field.text,
});

const endProgressCodec = tableCodec<EndProgress>("EndProgress", {
  step: field.word("EndStep", END_STEPS),
  done: field.count,
  total: field.count,
});

const taskRunCodec = tableCodec<TaskRun>("TaskRun", {
  reduction: field.text,
  tasks: field.count32,
  done: field.count32,
  running: field.count32,
  attemptsFailed: field.count32,
  workers: field.count32,
  seconds: field.number,
  rowsRead: field.count,
  mostRows: field.count,
  heavyKeys: field.list(tableCodec<HeavyKey>("HeavyKey", { key: field.text, rows: field.count })),
});

export const jobStatusCodec = tableCodec<JobStatus>("JobStatus", {
  jobId: field.askedJobId,
  name: field.text,
  phase: field.word("JobPhase", JOB_PHASES),
  rowsTotal: field.count,
  rowsPruned: field.count,
  rowsSkipped: field.count,
  rowsDone: field.count,
  rowsCommitted: field.count,
  ...recordOf(RUN_COUNTS, () => field.count),
  deadLetters: field.count,
  shardsTotal: field.count32,
  shardsCommitted: field.count32,
  shardsLeased: field.count32,
  attempts: field.count32,
  attemptsFailed: field.count32,
  workers: field.count32,
  seconds: field.number,
  rowsPerSecond: field.number,
  secondsLeft: field.orNull(field.number),
  bottleneck: field.wordOrNull("Bottleneck", BOTTLENECKS),
  stages: field.shares,
  padding: field.orNull(field.number),
  batch: field.orNull(field.message(batchInUseCodec)),
  advice: field.textOrNull,
  conversion: field.orNull(field.message(jobConversionCodec)),
  devices: field.list(deviceReportCodec),
  stores: field.list(storeCountsCodec),
  fetching: field.orNull(field.message(fetchingCodec)),
  waiting: field.orNull(field.message(storeWaitingCodec)),
  tasks: field.list(taskRunCodec),
  endProgress: field.orNull(field.message(endProgressCodec)),
  output: field.text,
  manifest: field.text,
  rowsFormat: field.text,
  failure: field.orNull(field.message(errorCodec)),
  ended: field.textOrNull,
  priority: field.integer,
  paused: field.flag,
});
