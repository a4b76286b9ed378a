import { CONCRETE_DEVICES } from "../../../shared/domain/device.ts";
import { STAGES, type WorkerStatus } from "../../../shared/domain/worker.ts";
import type { Metric, MetricType, Sample } from "../../../shared/metrics/metric.ts";

/** Workers in the order of joining. */
export interface WorkersFacts {
  readonly workers: readonly WorkerStatus[];
}

type WorkerTable = readonly Metric<WorkersFacts>[];

/** States of a worker over all jobs together. */
const WORKER_STATES = ["working", "idle", "excluded", "refused", "faulty"] as const;

/**
 * Limit of workers with series of their own: those that joined first. Two thousand would make megabytes per
 * scrape.
 */
const MOST_SHOWN = 500;

export const WORKER_METRICS: WorkerTable = [
  {
    name: "shardmill_workers",
    type: "gauge",
    help: "Workers that have joined, by device and state (faulty: excluded until the device is good)",
    labels: ["device", "state"],
    read: countWorkers,
  },
  ofWorker("shardmill_worker_leases", "gauge", "Leases that a worker holds", ({ leases }) => leases),
  ofWorker(
    "shardmill_worker_rows_committed_total",
    "counter",
    "Rows of the shards that a worker committed since it joined",
    ({ rowsCommitted }) => rowsCommitted,
  ),
  ofWorker(
    "shardmill_worker_shards_committed_total",
    "counter",
    "Shards that a worker committed since it joined",
    ({ shardsCommitted }) => shardsCommitted,
  ),
  ofWorker(
    "shardmill_worker_attempts_failed_total",
    "counter",
    "Attempts of a worker that failed since it joined",
    ({ attemptsFailed }) => attemptsFailed,
  ),
  ofWorker(
    "shardmill_worker_silent_seconds",
    "gauge",
    "Time since the last message of a worker",
    ({ secondsSinceHeartbeat }) => secondsSinceHeartbeat,
  ),
  ofWorkers("shardmill_worker_stage_busy_ratio", "Busy share of each stage in the last report", {
    labels: ["stage"],
    read: ({ busy }) =>
      STAGES.flatMap((stage) => known(busy[stage]).map((value) => [[stage], value] as const)),
  }),
  ofWorkers("shardmill_worker_batch_rows", "Rows of a batch in the last report", {
    labels: [],
    read: ({ batch }) => known(batch?.rows).map((value) => [[], value]),
  }),
  ofWorkers("shardmill_worker_fetching_bytes", "Bytes of the model that a worker has fetched so far", {
    labels: [],
    read: ({ fetching }) => known(fetching?.bytes).map((value) => [[], value]),
  }),
];

function* countWorkers({ workers }: WorkersFacts): Iterable<Sample> {
  for (const device of CONCRETE_DEVICES) {
    const own = workers.filter((worker) => worker.device === device);
    if (own.length === 0) continue;
    for (const state of WORKER_STATES) {
      yield { labels: [device, state], value: own.filter((worker) => stateOf(worker) === state).length };
    }
  }
}

function stateOf(worker: WorkerStatus): (typeof WORKER_STATES)[number] {
  const { leases, excludedForSeconds, refused, gpuFault } = worker;
  if (gpuFault !== null) return "faulty";
  if (leases > 0) return "working";
  if (refused !== null) return "refused";
  return (excludedForSeconds ?? 0) > 0 ? "excluded" : "idle";
}

interface PerWorker {
  readonly labels: readonly string[];
  readonly read: (worker: WorkerStatus) => Iterable<readonly [labels: readonly string[], value: number]>;
}

function ofWorkers(
  name: string,
  help: string,
  per: PerWorker,
  type: MetricType = "gauge",
): WorkerTable[number] {
  function* samples({ workers }: WorkersFacts): Iterable<Sample> {
    for (const worker of workers.slice(0, MOST_SHOWN))
      for (const [own, value] of per.read(worker)) yield { labels: [worker.name, ...own], value };
  }
  return { name, type, help, labels: ["worker", ...per.labels], read: samples };
}

function ofWorker(
  name: string,
  type: MetricType,
  help: string,
  value: (worker: WorkerStatus) => number,
): WorkerTable[number] {
  return ofWorkers(name, help, { labels: [], read: (worker) => [[[], value(worker)]] }, type);
}

function known(value: number | undefined): readonly number[] {
  return value === undefined ? [] : [value];
}
