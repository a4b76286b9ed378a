import { CALL_KINDS } from "../../../coordinator/access/call-rates.ts";
import type { Meters } from "../../../coordinator/insight/meters.ts";
import type { JobHandle } from "../../../coordinator/job/job-handle.ts";
import type { Clock } from "../../../shared/core/clock.ts";
import type { Slots } from "../../../shared/core/slots.ts";
import { isEnded, JOB_PHASES, type JobPhase } from "../../../shared/domain/job.ts";
import type { WorkerStatus } from "../../../shared/domain/worker.ts";
import { type Metric, metricsText } from "../../../shared/metrics/metric.ts";
import { PROCESS_METRICS, type ProcessFacts, ProcessWatch } from "../../../shared/metrics/process-metrics.ts";
import { JOB_METRICS, type JobFacts, type JobsFacts } from "./job-table.ts";
import { TRIGGER_METRICS, type TriggerFacts } from "./trigger-table.ts";
import { WORKER_METRICS, type WorkersFacts } from "./worker-table.ts";

/** What a coordinator tells at one moment. */
interface CoordinatorFacts extends JobsFacts, WorkersFacts {
  readonly process: ProcessFacts;
  readonly triggers: readonly TriggerFacts[];
  readonly meters: Meters;
  /** Open at this moment: nearly every worker has one. */
  readonly leaseRequests: number;
  /** Jobs that wait to be planned. */
  readonly planningQueue: number;
}

/** All metrics of a coordinator, in the order in which they are told. */
export const COORDINATOR_METRICS: readonly Metric<CoordinatorFacts>[] = [
  ...JOB_METRICS,
  ...WORKER_METRICS,
  ...TRIGGER_METRICS,
  {
    name: "shardmill_lease_requests",
    type: "gauge",
    help: "Requests for a shard that are open; a worker always has one",
    labels: [],
    read: ({ leaseRequests }) => [{ labels: [], value: leaseRequests }],
  },
  {
    name: "shardmill_lease_grant_seconds",
    type: "histogram",
    help: "From when a worker asked for a shard, or was woken for one, to its lease",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.leaseGrant.read() }],
  },
  {
    name: "shardmill_partial_check_seconds",
    type: "histogram",
    help: "How long partials took to be checked, before they were committed or rejected",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.partialCheck.read() }],
  },
  {
    name: "shardmill_journal_append_seconds",
    type: "histogram",
    help: "From a record that must last until it is on disk",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.journalAppend.read() }],
  },
  {
    name: "shardmill_planning_queue_jobs",
    type: "gauge",
    help: "Jobs that wait until others are planned",
    labels: [],
    read: ({ planningQueue }) => [{ labels: [], value: planningQueue }],
  },
  {
    name: "shardmill_calls_refused_total",
    type: "counter",
    help: "Calls by gRPC or HTTP that were refused because their peer calls too often, sends too much, or has too many open",
    labels: ["kind"],
    read: ({ meters }) => CALL_KINDS.map((kind) => ({ labels: [kind], value: meters.calls.refused[kind] })),
  },
  ...PROCESS_METRICS,
];

export interface CoordinatorMetricsOptions {
  readonly jobs: () => readonly JobHandle[];
  readonly workers: () => readonly WorkerStatus[];
  readonly meters: Meters;
  readonly leaseRequests: () => number;
  readonly planning: Pick<Slots, "waiting">;
  readonly clock: Clock;
  /** Of the jobs that `serve` runs. Left out: it is no `serve`. */
  readonly triggers?: () => readonly TriggerFacts[];
}

/**
 * How long the series of a job that has ended are told: any Prometheus has read its last values by then, and
 * its alerts have been seen. For ever would be a hundred jobs of a hundred series.
 */
const KEPT_MS = 15 * 60_000;

/**
 * How old an answer may be: one over hundreds of jobs and workers takes the thread for some 30 ms, and who
 * asks without end would have nothing else done. Nobody scrapes more often.
 */
const AGE_MS = 500;

/** Tells what a coordinator knows, in the text format of Prometheus. */
export class CoordinatorMetrics {
  readonly #options: CoordinatorMetricsOptions;
  readonly #process = new ProcessWatch();
  /** When a job was first seen to have ended. */
  readonly #endedMs = new WeakMap<JobHandle, number>();
  #told: { readonly atMs: number; readonly text: string } | null = null;

  constructor(options: CoordinatorMetricsOptions) {
    this.#options = options;
  }

  text(): string {
    const nowMs = this.#options.clock.nowMs();
    if (this.#told === null || nowMs - this.#told.atMs >= AGE_MS)
      this.#told = { atMs: nowMs, text: metricsText(COORDINATOR_METRICS, this.#facts(nowMs)) };
    return this.#told.text;
  }

  /** An end counts from when it is first looked at: who looks seldom sees the last values for as long. */
  #facts(nowMs: number): CoordinatorFacts {
    const { jobs, workers, triggers, meters, leaseRequests, planning } = this.#options;
    const phases = Object.fromEntries(JOB_PHASES.map((phase) => [phase, 0])) as Record<JobPhase, number>;
    const shown: JobFacts[] = [];
    for (const handle of jobs()) {
      const status = handle.status();
      phases[status.phase] += 1;
      if (isEnded(status.phase) && this.#isPast(handle, nowMs)) continue;
      shown.push({ status, metrics: handle.metrics() });
    }
    return {
      jobs: shown,
      phases,
      workers: workers(),
      triggers: triggers?.() ?? [],
      process: this.#process.look(),
      meters,
      leaseRequests: leaseRequests(),
      planningQueue: planning.waiting,
    };
  }

  #isPast(handle: JobHandle, nowMs: number): boolean {
    const endedMs = this.#endedMs.get(handle) ?? nowMs;
    this.#endedMs.set(handle, endedMs);
    return nowMs - endedMs > KEPT_MS;
  }
}
