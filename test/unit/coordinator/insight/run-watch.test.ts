import { describe, expect, test } from "vitest";
import { RunWatch, type WorkerReport } from "../../../../coordinator/insight/run-watch.ts";
import { StoreWatch } from "../../../../coordinator/insight/store-watch.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { WorkerSession } from "../../../../shared/domain/worker.ts";
import { aJobId } from "../../../support/ids.ts";
import { aTaskRun } from "../../../support/job-status.ts";
import { aPartial, aPlan, aReason, TestJob } from "../schedule/harness.ts";

/** Returns a job, its watch, and the reports of its workers. */
function aWatchedJob(shards: number) {
  const job = TestJob.running(aPlan(shards, 100));
  const reports = new Map<WorkerSession, WorkerReport>();
  const looks = { count: 0 };
  const watch = new RunWatch({
    state: () => job.state,
    clock: { nowMs: () => job.nowMs, wallMs: () => job.nowMs },
    beganMs: job.nowMs,
    conversion: null,
    reportOf: (session) => reports.get(session) ?? null,
    loopTime: () => {
      looks.count += 1;
      return { activeMs: 0, idleMs: job.nowMs };
    },
    stores: new StoreWatch(() => [], []),
  });
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      watch.look();
      job.nowMs += 1_000;
    }
    watch.look();
  };
  const tell = (session: WorkerSession, infer: number, jobId = "j1") => {
    const busy = { infer };
    reports.set(session, {
      busy,
      padding: null,
      batch: null,
      fetching: null,
      device: "cuda",
      jobId: aJobId(jobId),
    });
    watch.noteRows(session);
  };
  const tellFetching = (session: WorkerSession, bytes: number) => {
    const fetching = { bytes, totalBytes: 100, bytesPerSecond: 5 };
    reports.set(session, { busy: {}, padding: null, batch: null, fetching, device: "cuda", jobId: null });
  };
  return { job, watch, looks, pass, tell, tellFetching };
}

test("workers that run tasks serve the job, although they report the inner one, until it has ended", () => {
  const { job, watch, tell } = aWatchedJob(1);
  const worker = job.join("a");
  job.commit(worker);
  tell(worker, 0, "j1-visits");
  watch.tasks.begin("visits", () => aTaskRun());
  expect(watch.facts("now")).toMatchObject({ phase: "reducing", workers: 3, tasks: [aTaskRun()] });
  job.apply({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
  expect(watch.facts("run")).toMatchObject({ phase: "failed", workers: 1 });
});

describe("the bottleneck of a running job", () => {
  test("the bottleneck is the start until a worker reports rows", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    pass(5);
    expect(watch.verdict("run")).toMatchObject({ bottleneck: "start", stages: {} });
    expect(watch.verdict("run").advice).toContain("no worker is connected");
    const worker = job.join("a");
    job.grant(worker);
    pass(10);
    expect(watch.verdict("run").advice).toContain("the workers were starting");
    tell(worker, 0.9234);
    pass(20);
    expect(watch.verdict("run")).toMatchObject({ bottleneck: "infer", stages: { infer: 0.923 } });
  });

  test("at most 32 samples are taken until a worker reports its shares, however many workers have rows", () => {
    const { job, watch, looks, tell } = aWatchedJob(10);
    const workers = Array.from({ length: 200 }, (_, index) => job.join(`w${index}`));
    for (let round = 0; round < 5; round += 1) for (const worker of workers) watch.noteRows(worker);
    expect(looks.count).toBeLessThanOrEqual(32);
    const before = looks.count;
    tell(workers[199] as WorkerSession, 0.9);
    expect(looks.count).toBe(before + 1);
    for (const worker of workers) watch.noteRows(worker);
    expect(looks.count).toBe(before + 1);
  });

  test("a run that ends before the second sample has a bottleneck, because the first rows are sampled", () => {
    const { job, watch, tell } = aWatchedJob(1);
    const worker = job.join("a");
    watch.look();
    job.grant(worker);
    job.nowMs += 600;
    tell(worker, 0.5);
    job.nowMs += 200;
    watch.look();
    expect(watch.verdict("run")).toMatchObject({ bottleneck: "start", stages: { infer: 0.5 } });
  });

  test("the bottleneck of the last seconds can be the model while that of the run is its start", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    const worker = job.join("a");
    job.grant(worker);
    pass(200);
    tell(worker, 0.95);
    pass(20);
    expect(watch.verdict("now").bottleneck).toBe("infer");
    expect(watch.verdict("run").bottleneck).toBe("start");
  });

  test("the bottleneck is too few shards if some workers have no shard while others work", () => {
    const { job, watch, pass, tell } = aWatchedJob(1);
    const [one, other] = [job.join("a"), job.join("b")];
    job.grant(one);
    tell(one, 0.95);
    tell(other, 0);
    pass(20);
    const { bottleneck, advice } = watch.verdict("run");
    expect(bottleneck).toBe("shards");
    expect(advice).toContain("1 shard is too few for 2 workers");
  });

  test("the bottleneck is the coordinator if workers have no lease while shards are pending", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    tell(job.join("a"), 0.1);
    pass(20);
    expect(watch.verdict("run").bottleneck).toBe("coordinator");
  });

  test("the bottleneck is the coordinator while it checks all remaining partials", () => {
    const { job, watch, pass, tell } = aWatchedJob(1);
    const worker = job.join("a");
    tell(worker, 0.1);
    const { shard, token } = job.grant(worker);
    job.offer(worker, aPartial(shard, token));
    pass(20);
    expect(watch.verdict("run").bottleneck).toBe("coordinator");
  });

  test("workers at other jobs are not counted", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    const [own, other] = [job.join("a"), job.join("b")];
    job.grant(own);
    tell(own, 0.95);
    tell(other, 0.2, "j2");
    pass(20);
    expect(watch.facts("now")).toMatchObject({ workers: 1, bottleneck: "infer", stages: { infer: 0.95 } });
  });

  test("time in which a job is paused or has no workers is not counted", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    const worker = job.join("a");
    const held = job.grant(worker);
    tell(worker, 0.95);
    pass(20);
    job.apply({ kind: "standingRequested", change: { paused: true } });
    job.release(held);
    pass(200);
    expect(watch.facts("run")).toMatchObject({ workers: 0, bottleneck: "infer", stages: { infer: 0.95 } });
    job.apply({ kind: "standingRequested", change: { paused: false } });
    tell(worker, 0.2, "j2");
    pass(200);
    expect(watch.facts("run")).toMatchObject({ workers: 0, bottleneck: "infer", stages: { infer: 0.95 } });
  });

  test("an excluded worker does not change the bottleneck", () => {
    const { job, watch, pass, tell } = aWatchedJob(10);
    const [good, bad] = [job.join("a"), job.join("b")];
    for (let failure = 0; failure < job.config.exclusion.strikes; failure += 1) job.fail(job.grant(bad));
    expect(job.noLease(bad).why).toBe("excluded");
    job.grant(good);
    tell(good, 0.95);
    tell(bad, 0);
    pass(20);
    expect(watch.verdict("run")).toMatchObject({ bottleneck: "infer", stages: { infer: 0.95 } });
  });

  test("the bottleneck is reducing if it takes longer than the shards", () => {
    const { job, watch, pass, tell } = aWatchedJob(1);
    const worker = job.join("a");
    tell(worker, 0.95);
    const { shard, token } = job.grant(worker);
    pass(5);
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    job.stored(partial);
    expect(job.state.phase.kind).toBe("reducing");
    pass(10);
    expect(watch.verdict("run").bottleneck).toBe("reduce");
    expect(watch.verdict("run").stages.infer).toBeCloseTo(0.95);
  });
});

test("model fetches are summed over the workers without rows, as of the last sample", () => {
  const { job, watch, pass, tell, tellFetching } = aWatchedJob(10);
  const [first, second] = [job.join("a"), job.join("b")];
  pass(1);
  expect(watch.facts("now").fetching).toBeNull();
  tellFetching(first, 40);
  tellFetching(second, 60);
  pass(1);
  expect(watch.facts("now").fetching).toEqual({ bytes: 100, totalBytes: 200, bytesPerSecond: 10 });
  tell(first, 0.9);
  tellFetching(first, 10);
  pass(1);
  expect(watch.facts("now").fetching).toEqual({ bytes: 60, totalBytes: 100, bytesPerSecond: 5 });
});

test("a store that shards or partials wait for is reported with the time since its first failure", () => {
  const { job, watch } = aWatchedJob(10);
  const worker = job.join("a");
  const away = { ...aReason("STORE_UNAVAILABLE"), fields: { store: "s3://data", throttled: true } };
  expect(watch.facts("now").waiting).toBeNull();
  job.fail(job.grant(worker), away);
  job.nowMs += 40_000;
  const waiting = { store: "s3://data", seconds: 40, reason: "throttled" };
  expect(watch.facts("now").waiting).toEqual(waiting);
  job.commit(worker);
  expect(watch.facts("now").waiting).toBeNull();
  const store = new ShardmillError("STORE_FAILED", "out cannot be reached", {
    fields: { store: "s3://out" },
  });
  watch.notePartialsWait(store);
  job.nowMs += 5_000;
  watch.notePartialsWait(store);
  expect(watch.facts("now").waiting).toEqual({
    store: "s3://out",
    seconds: 5,
    reason: "out cannot be reached",
  });
  watch.notePartialsWait(null);
  expect(watch.facts("now").waiting).toBeNull();
});
