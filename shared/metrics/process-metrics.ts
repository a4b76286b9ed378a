import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { buildVersion } from "../core/package-root.ts";
import type { Metric, Sample } from "./metric.ts";

/** Facts of this process, with the names that all Prometheus client libraries use. */
export interface ProcessFacts {
  readonly version: string;
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  /** Start of the process, in seconds since 1970. */
  readonly startSeconds: number;
  readonly memory: NodeJS.MemoryUsage;
  /** Delay of the event loop since the previous read, in seconds. Null: first read. */
  readonly loopDelay: { readonly mean: number; readonly p99: number; readonly max: number } | null;
}

const NANO = 1e-9;
const MICRO = 1e-6;

/**
 * Reads facts of this process. Measuring the event loop's delay begins at the first read. It costs a timer
 * each 10 ms, so processes without readers do not pay for it.
 */
export class ProcessWatch {
  #delay: IntervalHistogram | null = null;

  look(): ProcessFacts {
    const { user, system } = process.cpuUsage();
    return {
      version: buildVersion,
      cpuUserSeconds: user * MICRO,
      cpuSystemSeconds: system * MICRO,
      startSeconds: performance.timeOrigin / 1_000,
      memory: process.memoryUsage(),
      loopDelay: this.#takeDelay(),
    };
  }

  #takeDelay(): ProcessFacts["loopDelay"] {
    if (this.#delay === null) {
      this.#delay = monitorEventLoopDelay({ resolution: 10 });
      this.#delay.enable();
      return null;
    }
    const { mean, max, count } = this.#delay;
    const p99 = this.#delay.percentile(99);
    this.#delay.reset();
    return count === 0 ? null : { mean: mean * NANO, p99: p99 * NANO, max: max * NANO };
  }
}

type ProcessMetric = Metric<{ readonly process: ProcessFacts }>;

export const PROCESS_METRICS: readonly ProcessMetric[] = [
  {
    name: "shardmill_build_info",
    type: "gauge",
    help: "Always 1, with the versions of Shardmill and Node.js as labels",
    labels: ["version", "node"],
    read: ({ process: { version } }) => [{ labels: [version, process.version], value: 1 }],
  },
  one("process_cpu_user_seconds_total", "counter", "User CPU time of the process", (facts) => [
    facts.cpuUserSeconds,
  ]),
  one("process_cpu_system_seconds_total", "counter", "System CPU time of the process", (facts) => [
    facts.cpuSystemSeconds,
  ]),
  one("process_cpu_seconds_total", "counter", "User and system CPU time of the process", (facts) => [
    facts.cpuUserSeconds + facts.cpuSystemSeconds,
  ]),
  one("process_start_time_seconds", "gauge", "Start time of the process, since 1970", (facts) => [
    facts.startSeconds,
  ]),
  one("process_resident_memory_bytes", "gauge", "Resident memory of the process", (facts) => [
    facts.memory.rss,
  ]),
  one("nodejs_heap_size_used_bytes", "gauge", "Used heap of the main thread", (facts) => [
    facts.memory.heapUsed,
  ]),
  one("nodejs_heap_size_total_bytes", "gauge", "Heap of the main thread", (facts) => [
    facts.memory.heapTotal,
  ]),
  one("nodejs_external_memory_bytes", "gauge", "Memory of the main thread outside of its heap", (facts) => [
    facts.memory.external,
  ]),
  one(
    "nodejs_eventloop_lag_mean_seconds",
    "gauge",
    "Mean delay of the event loop since the last scrape",
    delay("mean"),
  ),
  one(
    "nodejs_eventloop_lag_p99_seconds",
    "gauge",
    "99th percentile of the event loop's delay since the last scrape",
    delay("p99"),
  ),
  one(
    "nodejs_eventloop_lag_max_seconds",
    "gauge",
    "Longest delay of the event loop since the last scrape",
    delay("max"),
  ),
];

function delay(of: "mean" | "p99" | "max"): (facts: ProcessFacts) => readonly number[] {
  return ({ loopDelay }) => (loopDelay === null ? [] : [loopDelay[of]]);
}

function one(
  name: string,
  type: "counter" | "gauge",
  help: string,
  read: (facts: ProcessFacts) => readonly number[],
): ProcessMetric {
  const samples = ({ process }: { readonly process: ProcessFacts }): Sample[] =>
    read(process).map((value) => ({ labels: [], value }));
  return { name, type, help, labels: [], read: samples };
}
