import { JOB_PHASES, type JobPhase } from "../../../shared/domain/job.ts";
import {
  ATTEMPT_OUTCOMES,
  type JobMetrics,
  RUN_STEPS,
  SHARD_KINDS,
} from "../../../shared/domain/job-metrics.ts";
import type { JobStatus } from "../../../shared/domain/job-status.ts";
import { ROW_COUNTS, SHOWN_COUNTS } from "../../../shared/domain/row-counts.ts";
import type { StoreCounts } from "../../../shared/domain/store-counts.ts";
import { STAGES } from "../../../shared/domain/worker.ts";
import type { Metric, MetricType, Sample } from "../../../shared/metrics/metric.ts";

/** State of one job. */
export interface JobFacts {
  readonly status: JobStatus;
  readonly metrics: JobMetrics;
}

/** Jobs with series of their own, and the number of all known jobs by phase. */
export interface JobsFacts {
  readonly jobs: readonly JobFacts[];
  readonly phases: Readonly<Record<JobPhase, number>>;
}

type JobTable = readonly Metric<JobsFacts>[];

/** Label of a job. The label `job` belongs to Prometheus. */
const JOB = "job_id";

export const JOB_METRICS: JobTable = [
  {
    name: "shardmill_jobs",
    type: "gauge",
    help: "Jobs of this coordinator",
    labels: ["phase"],
    read: ({ phases }) => JOB_PHASES.map((phase) => ({ labels: [phase], value: phases[phase] })),
  },
  ofJobs("shardmill_job_info", "gauge", "1, with the job's name in its file", {
    labels: ["name"],
    read: ({ status }) => [[[status.name], 1]],
  }),
  ofJobs("shardmill_job_phase", "gauge", "1 for the job's phase, 0 for the others", {
    labels: ["phase"],
    read: ({ status }) => JOB_PHASES.map((phase) => [[phase], status.phase === phase ? 1 : 0]),
  }),
  ofJob("shardmill_job_paused", "gauge", "1 while the job is paused, else 0", ({ status }) =>
    status.paused ? 1 : 0,
  ),
  ofJob(
    "shardmill_job_priority",
    "gauge",
    "Priority of the job. The highest is assigned first",
    ({ status }) => status.priority,
  ),
  ofJobs("shardmill_job_bottleneck", "gauge", "1 for the bottleneck of the run, if known", {
    labels: ["bottleneck"],
    read: ({ status: { bottleneck } }) => (bottleneck === null ? [] : [[[bottleneck], 1]]),
  }),
  ofJob("shardmill_job_rows", "gauge", "Rows of the plan", ({ status }) => status.rowsTotal),
  ofJob(
    "shardmill_job_rows_committed_total",
    "counter",
    "Rows of committed shards, dead letters among them",
    ({ status }) => status.rowsCommitted,
  ),
  ofJob(
    "shardmill_job_rows_done",
    "gauge",
    "Rows of committed shards and of running attempts",
    ({ status }) => status.rowsDone,
  ),
  ofJob(
    "shardmill_job_rows_out_total",
    "counter",
    "Output rows of committed shards",
    ({ status }) => status.rowsOut,
  ),
  ...SHOWN_COUNTS.map((name) =>
    ofJob(
      `shardmill_job_${snakeCase(name)}_total`,
      "counter",
      ROW_COUNTS[name].shown.metric,
      ({ status }) => status[name],
    ),
  ),
  ofJob(
    "shardmill_job_rows_pruned",
    "gauge",
    "Rows that input.where excludes without reading",
    ({ status }) => status.rowsPruned,
  ),
  ofJob(
    "shardmill_job_rows_skipped",
    "gauge",
    "Rows that input.sample and input.limit skip without reading",
    ({ status }) => status.rowsSkipped,
  ),
  ofJob(
    "shardmill_job_dead_letters_total",
    "counter",
    "Rows that could not be mapped",
    ({ status }) => status.deadLetters,
  ),
  ofJobs("shardmill_job_shards", "gauge", "Shards by state", {
    labels: ["state"],
    read: ({ metrics }) => SHARD_KINDS.map((state) => [[state], metrics.shards[state]]),
  }),
  ofJobs("shardmill_job_tasks", "gauge", "Tasks of reductions by key, by state", {
    labels: ["reduction", "state"],
    read: ({ status }) =>
      status.tasks.flatMap(({ reduction, tasks, done, running }) => [
        [[reduction, "waiting"], tasks - done - running],
        [[reduction, "running"], running],
        [[reduction, "done"], done],
      ]),
  }),
  ofJob("shardmill_job_leases", "gauge", "Leases that workers hold", ({ metrics }) => metrics.leases),
  ofJob(
    "shardmill_job_attempts_started_total",
    "counter",
    "Attempts that began, over all runs of the coordinator",
    ({ status }) => status.attempts,
  ),
  ofJob(
    "shardmill_job_backups_started_total",
    "counter",
    "Attempts at a shard that is slow on another worker",
    ({ metrics }) => metrics.attempts.backups,
  ),
  ofJobs(
    "shardmill_job_attempts_ended_total",
    "counter",
    "Attempts by how they ended, since the coordinator opened the job",
    {
      labels: ["outcome"],
      read: ({ metrics }) => ATTEMPT_OUTCOMES.map((outcome) => [[outcome], metrics.attempts.ended[outcome]]),
    },
  ),
  ofJob("shardmill_job_workers", "gauge", "Workers of the job", ({ status }) => status.workers),
  ofJobs("shardmill_job_seconds", "gauge", "How long each step of the run has taken so far", {
    labels: ["step"],
    read: ({ metrics }) =>
      RUN_STEPS.flatMap((step) => known(metrics.seconds[step]).map((value) => [[step], value] as const)),
  }),
  ofJobs("shardmill_job_remaining_seconds", "gauge", "Remaining time of the shards, at the current rate", {
    labels: [],
    read: ({ status }) => known(status.secondsLeft).map((value) => [[], value]),
  }),
  ofJobs(
    "shardmill_job_stage_busy_ratio",
    "gauge",
    "Mean busy share of each stage over the job's workers. After the end: over the whole run",
    {
      labels: ["stage"],
      read: ({ status }) =>
        STAGES.flatMap((stage) => known(status.stages[stage]).map((value) => [[stage], value] as const)),
    },
  ),
  ofJobs("shardmill_job_padding_ratio", "gauge", "Share of padded positions in the batches of the lanes", {
    labels: [],
    read: ({ status }) => known(status.padding).map((value) => [[], value]),
  }),
  ofJobs("shardmill_job_batch_rows", "gauge", "Rows of a batch in the last report, and what bounds it", {
    labels: ["bound"],
    read: ({ status: { batch } }) => (batch === null ? [] : [[[batch.bound], batch.rows]]),
  }),
  ofStores("shardmill_job_store_requests_total", "Requests that were sent", (counts) => counts.requests),
  ofStores("shardmill_job_store_read_bytes_total", "Bytes that were received", (counts) => counts.bytesRead),
  ofStores(
    "shardmill_job_store_written_bytes_total",
    "Bytes that were sent",
    (counts) => counts.bytesWritten,
  ),
  ofStores("shardmill_job_store_retries_total", "Requests that were retried", (counts) => counts.retries),
  ofStores(
    "shardmill_job_store_throttled_total",
    "Responses that asked for fewer requests",
    (counts) => counts.throttled,
  ),
  ofStores(
    "shardmill_job_store_retry_wait_seconds_total",
    "Total wait before retries. Waits of concurrent requests add up",
    (counts) => counts.waitedMs / 1_000,
  ),
  ofStores(
    "shardmill_job_store_answers_total",
    "Responses to requests that only read",
    (counts) => counts.answers,
  ),
  ofStores(
    "shardmill_job_store_first_byte_seconds_total",
    "Total time to the first bytes of these responses",
    (counts) => counts.firstByteMs / 1_000,
  ),
];

interface PerJob {
  readonly labels: readonly string[];
  readonly read: (job: JobFacts) => Iterable<readonly [labels: readonly string[], value: number]>;
}

function ofJobs(name: string, type: MetricType, help: string, { labels, read }: PerJob): JobTable[number] {
  function* samples({ jobs }: JobsFacts): Iterable<Sample> {
    for (const job of jobs)
      for (const [own, value] of read(job)) yield { labels: [job.status.jobId, ...own], value };
  }
  return { name, type, help, labels: [JOB, ...labels], read: samples };
}

function ofJob(
  name: string,
  type: MetricType,
  help: string,
  value: (job: JobFacts) => number,
): JobTable[number] {
  return ofJobs(name, type, help, { labels: [], read: (job) => [[[], value(job)]] });
}

/** Makes a metric over the coordinator and the workers together. */
function ofStores(name: string, help: string, value: (counts: StoreCounts) => number): JobTable[number] {
  return ofJobs(name, "counter", `${help}, by store`, {
    labels: ["store"],
    read: ({ status }) => status.stores.map((counts) => [[counts.store], value(counts)]),
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function known(value: number | null | undefined): readonly number[] {
  return value == null ? [] : [value];
}
