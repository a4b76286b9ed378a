import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { STAGES } from "../../shared/domain/worker.ts";
import type { GpuReading } from "../../shared/extension/gpu-driver.ts";
import type { Metric, MetricType } from "../../shared/metrics/metric.ts";
import { PROCESS_METRICS, type ProcessFacts } from "../../shared/metrics/process-metrics.ts";
import type { WatchedGpu } from "../gpu/gpu-watch.ts";
import type { WorkerBeat, WorkerFigures } from "./process-figures.ts";

/** Facts of a `worker` command: its processes, their GPUs, and itself. */
export interface SupervisorFacts {
  readonly workers: readonly WorkerFigures[];
  readonly gpus: readonly WatchedGpu[];
  /** Facts about the supervisor's own process. */
  readonly process: ProcessFacts;
}

type Row = Metric<SupervisorFacts>;

/**
 * Metrics of a supervisor. The names differ from the coordinator's metrics of the same workers, so sums do
 * not count twice.
 */
export const SUPERVISOR_METRICS: readonly Row[] = [
  {
    name: "shardmill_process_joined",
    type: "gauge",
    help: "1 if the worker's process has joined the coordinator, else 0",
    labels: ["worker", "device"],
    read: ({ workers }) =>
      workers.map(({ name, device, hasJoined }) => ({ labels: [name, device], value: hasJoined ? 1 : 0 })),
  },
  {
    name: "shardmill_process_exits_total",
    type: "counter",
    help: "Processes of a worker that exited unexpectedly",
    labels: ["worker"],
    read: ({ workers }) => workers.map(({ name, exits }) => ({ labels: [name], value: exits })),
  },
  ofBeats("shardmill_process_leases", "Leases that a worker holds", [], ({ leases }) => [[[], leases]]),
  ofBeats(
    "shardmill_process_stage_busy_ratio",
    "Busy share of each stage, for each of its threads",
    ["stage"],
    ({ busy }) => STAGES.flatMap((stage) => known(busy[stage]).map((value) => [[stage], value] as const)),
  ),
  ofBeats("shardmill_process_batch_rows", "Rows of a batch, by what limits it", ["bound"], ({ batch }) =>
    batch === null ? [] : [[[batch.bound], batch.rows]],
  ),
  ofBeats(
    "shardmill_process_padding_ratio",
    "Share of padded positions in the batches that ran",
    [],
    ({ padding }) => known(padding).map((value) => [[], value] as const),
  ),
  ofStores("shardmill_process_store_requests_total", "Requests sent", (counts) => counts.requests),
  ofStores("shardmill_process_store_read_bytes_total", "Bytes received", (counts) => counts.bytesRead),
  ofStores("shardmill_process_store_written_bytes_total", "Bytes sent", (counts) => counts.bytesWritten),
  ofStores("shardmill_process_store_retries_total", "Requests retried", (counts) => counts.retries),
  {
    name: "shardmill_gpu_excluded",
    type: "gauge",
    help: "1 while the GPU is excluded because of errors, loss or slowdown, else 0",
    labels: ["gpu"],
    read: ({ gpus }) => gpus.map(({ gpu, fault }) => ({ labels: [gpu], value: fault === null ? 0 : 1 })),
  },
  ofGpus(
    "shardmill_gpu_utilisation_ratio",
    "gauge",
    "Share of the last sample in which the GPU computed",
    (reading) => reading.utilisation,
  ),
  ofGpus(
    "shardmill_gpu_memory_used_bytes",
    "gauge",
    "GPU memory in use by all programs",
    (reading) => reading.memoryUsedBytes,
  ),
  ofGpus("shardmill_gpu_memory_bytes", "gauge", "Total GPU memory", (reading) => reading.memoryTotalBytes),
  ofGpus(
    "shardmill_gpu_temperature_celsius",
    "gauge",
    "Temperature of the chip",
    (reading) => reading.celsius,
  ),
  ofGpus("shardmill_gpu_power_watts", "gauge", "Power that the GPU draws", (reading) => reading.watts),
  ofGpus(
    "shardmill_gpu_corrected_errors_total",
    "counter",
    "Corrected memory errors since the driver was loaded",
    (reading) => reading.correctedErrors,
  ),
  ofGpus(
    "shardmill_gpu_uncorrected_errors_total",
    "counter",
    "Uncorrected memory errors since the driver was loaded",
    (reading) => reading.uncorrectedErrors,
  ),
  ...PROCESS_METRICS,
];

type Samples = Iterable<readonly [labels: readonly string[], value: number]>;

/** Returns a gauge of each process's last report. */
function ofBeats(
  name: string,
  help: string,
  labels: readonly string[],
  read: (beat: WorkerBeat) => Samples,
): Row {
  return {
    name,
    type: "gauge",
    help,
    labels: ["worker", ...labels],
    *read({ workers }) {
      for (const worker of workers) {
        if (worker.beat === null) continue;
        for (const [own, value] of read(worker.beat)) yield { labels: [worker.name, ...own], value };
      }
    },
  };
}

function ofStores(name: string, help: string, value: (counts: StoreCounts) => number): Row {
  const row = ofBeats(name, `${help}, by store, since the process joined`, ["store"], ({ stores }) =>
    stores.map((counts) => [[counts.store], value(counts)] as const),
  );
  return { ...row, type: "counter" };
}

function ofGpus(
  name: string,
  type: MetricType,
  help: string,
  value: (reading: GpuReading) => number | null,
): Row {
  return {
    name,
    type,
    help,
    labels: ["gpu", "name"],
    *read({ gpus }) {
      for (const { gpu, reading } of gpus)
        for (const read of known(reading === null ? null : value(reading)))
          yield { labels: [gpu, reading?.name ?? ""], value: read };
    },
  };
}

function known(value: number | null | undefined): readonly number[] {
  return value === null || value === undefined ? [] : [value];
}
