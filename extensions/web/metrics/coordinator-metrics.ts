import { CALL_KINDS } from "../../../shared/access/callers.ts";
import { isEnded, JOB_PHASES, type JobPhase } from "../../../shared/domain/job.ts";
import type { ServedFacts } from "../../../shared/domain/served-status.ts";
import type { CoordinatorView, ViewedJob, ViewedMeters } from "../../../shared/extension/coordinator-view.ts";
import { METRICS_TYPE, type Metric, metricsText } from "../../../shared/metrics/metric.ts";
import { PROCESS_METRICS, type ProcessFacts, ProcessWatch } from "../../../shared/metrics/process-metrics.ts";
import type { HttpRoute } from "../../../shared/serving/http-routes.ts";
import { JOB_METRICS, type JobFacts, type JobsFacts } from "./job-table.ts";
import { TRIGGER_METRICS } from "./trigger-table.ts";
import { WORKER_METRICS, type WorkersFacts } from "./worker-table.ts";

/** State of a coordinator at one time. */
interface CoordinatorFacts extends JobsFacts, WorkersFacts {
  readonly process: ProcessFacts;
  readonly triggers: readonly ServedFacts[];
  readonly meters: ViewedMeters;
  /** Number of open lease requests. Nearly every worker has one. */
  readonly leaseRequests: number;
  /** Number of jobs that wait to be planned. */
  readonly planningQueue: number;
}

/** All metrics of a coordinator, in the order of the output. */
export const COORDINATOR_METRICS: readonly Metric<CoordinatorFacts>[] = [
  ...JOB_METRICS,
  ...WORKER_METRICS,
  ...TRIGGER_METRICS,
  {
    name: "shardmill_lease_requests",
    type: "gauge",
    help: "Open requests for a shard. A worker always has one",
    labels: [],
    read: ({ leaseRequests }) => [{ labels: [], value: leaseRequests }],
  },
  {
    name: "shardmill_lease_grant_seconds",
    type: "histogram",
    help: "From a worker's request for a shard, or its wake-up, to the lease",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.leaseGrant.read() }],
  },
  {
    name: "shardmill_partial_check_seconds",
    type: "histogram",
    help: "Duration of checks of partials, before commit or rejection",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.partialCheck.read() }],
  },
  {
    name: "shardmill_journal_append_seconds",
    type: "histogram",
    help: "From a record that must be durable until it is on disk",
    labels: [],
    read: ({ meters }) => [{ labels: [], value: meters.journalAppend.read() }],
  },
  {
    name: "shardmill_planning_queue_jobs",
    type: "gauge",
    help: "Jobs that wait until other jobs are planned",
    labels: [],
    read: ({ planningQueue }) => [{ labels: [], value: planningQueue }],
  },
  {
    name: "shardmill_calls_refused_total",
    type: "counter",
    help: "Calls by gRPC or HTTP that were refused, because the peer calls too often, sends too much, or has too many open calls",
    labels: ["kind"],
    read: ({ meters }) => CALL_KINDS.map((kind) => ({ labels: [kind], value: meters.calls.refused[kind] })),
  },
  ...PROCESS_METRICS,
];

type MetricsView = Pick<
  CoordinatorView,
  "jobs" | "workers" | "served" | "meters" | "leaseRequests" | "planning" | "clock"
>;

/**
 * Time for which an ended job's series are kept. By then Prometheus has read the last values, and users have
 * seen its alerts. Otherwise a hundred jobs would keep a hundred series each.
 */
const KEPT_MS = 15 * 60_000;

/**
 * Time for which a response is cached. Hundreds of jobs and workers take some 30 ms of the thread, so
 * constant requests would block it. Real scrapers ask less often.
 */
const AGE_MS = 500;

/** Makes the route that Prometheus scrapes, with a token of the role `read`. */
export function metricsRoute(view: MetricsView): HttpRoute {
  const metrics = new CoordinatorMetrics(view);
  return {
    method: "GET",
    path: "/metrics",
    callers: "read",
    handle: () => new Response(metrics.text(), { headers: { "content-type": METRICS_TYPE } }),
  };
}

/** Formats a coordinator's state in the text format of Prometheus. */
export class CoordinatorMetrics {
  readonly #view: MetricsView;
  readonly #process = new ProcessWatch();
  /** Time when each job was first seen as ended. */
  readonly #endedMs = new WeakMap<ViewedJob, number>();
  #cached: { readonly atMs: number; readonly text: string } | null = null;

  constructor(view: MetricsView) {
    this.#view = view;
  }

  text(): string {
    const nowMs = this.#view.clock.nowMs();
    if (this.#cached === null || nowMs - this.#cached.atMs >= AGE_MS)
      this.#cached = { atMs: nowMs, text: metricsText(COORDINATOR_METRICS, this.#facts(nowMs)) };
    return this.#cached.text;
  }

  /**
   * Collects the state. A job's end counts from its first observation, so infrequent scrapers see the last
   * values, too.
   */
  #facts(nowMs: number): CoordinatorFacts {
    const { jobs, workers, served, meters, leaseRequests, planning } = this.#view;
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
      triggers: served(),
      process: this.#process.look(),
      meters,
      leaseRequests: leaseRequests(),
      planningQueue: planning.waiting,
    };
  }

  #isPast(handle: ViewedJob, nowMs: number): boolean {
    const endedMs = this.#endedMs.get(handle) ?? nowMs;
    this.#endedMs.set(handle, endedMs);
    return nowMs - endedMs > KEPT_MS;
  }
}
