import { describe, expect, test } from "vitest";
import { Meters } from "../../../../coordinator/insight/meters.ts";
import type { JobHandle } from "../../../../coordinator/job/job-handle.ts";
import { idleMetrics } from "../../../../coordinator/job/job-metrics.ts";
import { NO_VIEW } from "../../../../coordinator/job/job-view.ts";
import {
  COORDINATOR_METRICS,
  CoordinatorMetrics,
} from "../../../../extensions/web/metrics/coordinator-metrics.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import type { ServedFacts } from "../../../../shared/domain/served-status.ts";
import { type WorkerStatus, workerSession } from "../../../../shared/domain/worker.ts";
import { aWorker, manualClock } from "../../../support/builders.ts";
import { aJobId } from "../../../support/ids.ts";

function aJob(facts: Partial<JobStatus>): JobHandle {
  const status: JobStatus = {
    ...NO_RUN,
    phase: "running",
    jobId: aJobId("j1"),
    name: "one",
    output: "/out",
    manifest: "",
    rowsFormat: "parquet",
    ended: null,
    failure: null,
    priority: 0,
    paused: false,
    ...facts,
  };
  return {
    jobId: status.jobId,
    origin: { kind: "new" },
    notes: [],
    stores: NO_STORES,
    status: () => status,
    metrics: () => idleMetrics({ phase: "published", shardsTotal: 3, shardsCommitted: 3 }),
    view: () => NO_VIEW,
    ended: Promise.resolve(status),
    cancel: async () => {},
    changeStanding: async () => {},
  };
}

function aStatus(facts: Partial<WorkerStatus> = {}): WorkerStatus {
  return {
    ...aWorker(),
    session: workerSession("s"),
    leases: 0,
    rowsCommitted: 0,
    shardsCommitted: 0,
    attemptsFailed: 0,
    excludedForSeconds: null,
    refused: null,
    gpuFault: null,
    secondsConnected: 1,
    secondsSinceHeartbeat: 0,
    busy: {},
    batch: null,
    fetching: null,
    ...facts,
  };
}

interface ACoordinator {
  readonly jobs?: JobHandle[];
  readonly workers?: WorkerStatus[];
  readonly triggers?: readonly ServedFacts[];
}

function aCoordinator({ jobs = [], workers = [], triggers = [] }: ACoordinator) {
  const clock = manualClock();
  const meters = new Meters();
  const metrics = new CoordinatorMetrics({
    jobs: () => jobs,
    workers: () => workers,
    served: () => triggers,
    meters,
    leaseRequests: () => 2,
    planning: { waiting: 1 },
    clock,
  });
  const series = (name: string) => {
    clock.advance(500);
    return metrics
      .text()
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  };
  return { clock, meters, metrics, series };
}

describe("the metrics of a coordinator", () => {
  test("metrics have unique names by the conventions of Prometheus, and no reserved labels", () => {
    const names = COORDINATOR_METRICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type, help, labels } of COORDINATOR_METRICS) {
      expect(name).toMatch(/^(shardmill|process|nodejs)_[a-z0-9]+(_[a-z0-9]+)*$/);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
      expect(name, "base units").not.toMatch(/_(ms|milliseconds|minutes|kilobytes|percent)(_|$)/);
      expect(help, name).not.toMatch(/\.$|^$/);
      for (const label of labels) expect(["job", "instance", "le", "quantile"], name).not.toContain(label);
    }
  });

  test("a trigger has metrics of its next run and its outcomes, and no due time for new files", () => {
    const ended = { published: 3, nothingNew: 0, failed: 1, cancelled: 0 };
    const nightly = {
      name: "nightly",
      nextMs: 5_000,
      waiting: 2,
      isRunning: true,
      last: null,
      publishedMs: 1_500,
      ended,
      retries: 2,
      skippedTimes: 4,
      queue: null,
    };
    const { series } = aCoordinator({
      triggers: [nightly, { ...nightly, name: "inbox", nextMs: null, publishedMs: null, isRunning: false }],
    });
    const one = (name: string) => series(`shardmill_trigger_${name}`);
    expect(one("next_run_timestamp_seconds")).toEqual([
      'shardmill_trigger_next_run_timestamp_seconds{name="nightly"} 5',
    ]);
    expect(one("last_published_timestamp_seconds")).toEqual([
      'shardmill_trigger_last_published_timestamp_seconds{name="nightly"} 1.5',
    ]);
    expect(one("running").map((line) => line.slice(-1))).toEqual(["1", "0"]);
    expect(one("runs_total")).toContain('shardmill_trigger_runs_total{name="nightly",outcome="failed"} 1');
    expect(one("retries_total")).toContain('shardmill_trigger_retries_total{name="nightly"} 2');
    expect(one("left_out_total")).toContain('shardmill_trigger_left_out_total{name="nightly"} 4');
  });

  test("a queue has metrics of waiting messages, the fill of its window and outcomes", () => {
    const trigger = {
      ...{
        name: "reviews",
        nextMs: null,
        waiting: 0,
        isRunning: true,
        publishedMs: null,
        skippedTimes: 0,
        last: null,
      },
      ended: { published: 3, nothingNew: 0, failed: 1, cancelled: 0 },
      retries: 0,
    };
    const queue = {
      ...{ waiting: 12, oldestSeconds: 1.5, fill: 0.25, openWindows: 2, failingWindows: 1, knownKeys: 40 },
      ended: { published: 38, duplicate: 5, deadLettered: 2, ignored: 0 },
    };
    const { series } = aCoordinator({
      triggers: [
        { ...trigger, queue },
        { ...trigger, name: "quiet", queue: { ...queue, waiting: null } },
        { ...trigger, name: "nightly", queue: null },
      ],
    });
    const one = (name: string) => series(`shardmill_queue_${name}`);
    expect(one("waiting_messages")).toEqual(['shardmill_queue_waiting_messages{name="reviews"} 12']);
    expect(one("oldest_unacknowledged_seconds")).toHaveLength(2);
    expect(one("window_fill_ratio")).toContain('shardmill_queue_window_fill_ratio{name="reviews"} 0.25');
    expect(one("messages_total")).toContain(
      'shardmill_queue_messages_total{name="reviews",outcome="duplicate"} 5',
    );
  });

  test("a job has the metrics of its status", () => {
    const stores = [
      {
        ...{ store: "s3://b", requests: 4, bytesRead: 100, bytesWritten: 0, retries: 1 },
        ...{ throttled: 0, waitedMs: 1_500, answers: 3, firstByteMs: 250 },
      },
    ];
    const job = aJob({
      ...{ rowsTotal: 100, rowsCommitted: 40, deadLetters: 2, padding: 0.25, secondsLeft: 12, stores },
      ...{ stages: { infer: 0.9 }, batch: { rows: 64, length: null, bound: "speed" }, bottleneck: "infer" },
    });
    const { series } = aCoordinator({ jobs: [job] });
    expect(series("shardmill_jobs")).toContain('shardmill_jobs{phase="running"} 1');
    expect(series("shardmill_job_info")).toEqual(['shardmill_job_info{job_id="j1",name="one"} 1']);
    expect(series("shardmill_job_phase")).toContain('shardmill_job_phase{job_id="j1",phase="running"} 1');
    expect(series("shardmill_job_rows_committed_total")).toEqual([
      'shardmill_job_rows_committed_total{job_id="j1"} 40',
    ]);
    expect(series("shardmill_job_shards")).toContain('shardmill_job_shards{job_id="j1",state="committed"} 3');
    expect(series("shardmill_job_stage_busy_ratio")).toEqual([
      'shardmill_job_stage_busy_ratio{job_id="j1",stage="infer"} 0.9',
    ]);
    expect(series("shardmill_job_batch_rows")).toEqual([
      'shardmill_job_batch_rows{job_id="j1",bound="speed"} 64',
    ]);
    expect(series("shardmill_job_bottleneck")).toEqual([
      'shardmill_job_bottleneck{job_id="j1",bottleneck="infer"} 1',
    ]);
    expect(series("shardmill_job_store_retry_wait_seconds_total")).toEqual([
      'shardmill_job_store_retry_wait_seconds_total{job_id="j1",store="s3://b"} 1.5',
    ]);
  });

  test("unknown values have no series", () => {
    const { series } = aCoordinator({ jobs: [aJob({})] });
    for (const name of ["remaining_seconds", "padding_ratio", "batch_rows", "bottleneck", "stage_busy_ratio"])
      expect(series(`shardmill_job_${name}`), name).toEqual([]);
  });

  test("the series of a job end 15 minutes after its end, and the job is still counted", () => {
    const { clock, series } = aCoordinator({
      jobs: [aJob({ jobId: aJobId("over"), phase: "published" }), aJob({ jobId: aJobId("on") })],
    });
    const shown = () => series("shardmill_job_rows").map((line) => /job_id="(\w+)"/.exec(line)?.[1]);
    expect(shown()).toEqual(["over", "on"]);
    clock.advance(15 * 60_000 - 500);
    expect(shown()).toEqual(["over", "on"]);
    expect(shown()).toEqual(["on"]);
    expect(series("shardmill_jobs")).toContain('shardmill_jobs{phase="published"} 1');
  });

  test("workers are counted by device and state, and at most 500 have their own series", () => {
    const many = Array.from({ length: 600 }, (_, at) => aStatus({ name: `w${at}`, leases: at % 2 }));
    const others = [
      aStatus({ name: "g0", device: "cuda", excludedForSeconds: 5 }),
      aStatus({ name: "g1", device: "cuda", excludedForSeconds: 0 }),
      aStatus({ name: "g2", device: "cuda", refused: "j1: wrong" }),
      aStatus({ name: "g3", device: "cuda", gpuFault: "Xid 79" }),
    ];
    const { series } = aCoordinator({ workers: [...many, ...others] });
    expect(series("shardmill_workers")).toEqual([
      'shardmill_workers{device="cpu",state="working"} 300',
      'shardmill_workers{device="cpu",state="idle"} 300',
      'shardmill_workers{device="cpu",state="excluded"} 0',
      'shardmill_workers{device="cpu",state="refused"} 0',
      'shardmill_workers{device="cpu",state="faulty"} 0',
      'shardmill_workers{device="cuda",state="working"} 0',
      'shardmill_workers{device="cuda",state="idle"} 1',
      'shardmill_workers{device="cuda",state="excluded"} 1',
      'shardmill_workers{device="cuda",state="refused"} 1',
      'shardmill_workers{device="cuda",state="faulty"} 1',
    ]);
    expect(series("shardmill_worker_leases")).toHaveLength(500);
  });

  test("metrics are computed at most twice a second", () => {
    const { clock, metrics, meters } = aCoordinator({});
    const before = metrics.text();
    meters.journalAppend.addMs(3);
    clock.advance(499);
    expect(metrics.text()).toBe(before);
    clock.advance(1);
    expect(metrics.text()).toContain("shardmill_journal_append_seconds_count 1");
  });

  test("the process has metrics of its journal, its planning queue and its memory", () => {
    const { meters, series } = aCoordinator({});
    meters.journalAppend.addMs(3);
    expect(series("shardmill_journal_append_seconds_count")).toEqual([
      "shardmill_journal_append_seconds_count 1",
    ]);
    expect(series("shardmill_planning_queue_jobs")).toEqual(["shardmill_planning_queue_jobs 1"]);
    const [rss] = series("process_resident_memory_bytes");
    expect(Number(rss?.split(" ")[1])).toBeGreaterThan(10_000_000);
  });
});
