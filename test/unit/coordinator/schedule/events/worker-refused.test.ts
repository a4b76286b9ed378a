import { expect, test } from "vitest";
import type { WorkerSession } from "../../../../../shared/domain/worker.ts";
import { aPlan, aReason, only, TestJob } from "../harness.ts";

test.each([
  ["DEVICE_WRONG", 30_000],
  ["WORKER_UNFIT", 300_000],
] as const)(
  "a job whose only worker is refused with %s fails with that reason after %i ms",
  (code, graceMs) => {
    const reason = aReason(code);
    const job = TestJob.running(aPlan(1));
    const wrong = job.join("w1");
    job.grant(wrong);
    job.apply({ kind: "workerRefused", worker: wrong, reason });
    expect(job.state.counts).toMatchObject({ pending: 1, leased: 0 });
    job.tickAfter(graceMs - 1);
    expect(job.state.phase.kind).toBe("running");
    expect(only(job.tickAfter(1), "jobEnded").reason).toEqual(reason);
    expect(job.state.totals.attemptsFailed).toBe(0);
  },
);

test("the grace time stops while an accepted worker is present, and continues when it is refused, too", () => {
  const job = TestJob.running(aPlan(1));
  const refuse = (worker: WorkerSession, reason = aReason("DEVICE_WRONG")) =>
    job.apply({ kind: "workerRefused", worker, reason });
  refuse(job.join("w1"));
  job.tickAfter(29_999);
  const right = job.join("w2");
  job.tickAfter(3_600_000);
  expect(job.state.phase.kind).toBe("running");
  const last = aReason("DEVICE_WRONG", "the last refusal");
  refuse(right, last);
  job.tickAfter(0);
  expect(job.state.phase.kind).toBe("running");
  expect(only(job.tickAfter(1), "jobEnded").reason).toEqual(last);
});

test("a job waits for an accepted worker that was lost, though another worker is refused", () => {
  const job = TestJob.running(aPlan(1));
  const right = job.join("right");
  const wrong = job.join("wrong");
  job.apply({
    kind: "workerRefused",
    worker: wrong,
    reason: { code: "DEVICE_WRONG", message: "row 5 is wrong", fields: {} },
  });
  job.apply({ kind: "workerLost", worker: right, how: "exited", message: "its node is started again" });
  job.tickAfter(60_000);
  expect(job.state.phase.kind).toBe("running");
});

test("an attempt on an unfit worker is no failure of its shard, and ends all leases of the worker", () => {
  const job = TestJob.running(aPlan(3));
  const unfit = job.join("w1");
  const first = job.grant(unfit);
  job.grant(unfit);
  job.fail(first, aReason("WORKER_UNFIT"));
  expect(job.state.counts).toMatchObject({ pending: 3, leased: 0 });
  expect([job.state.totals.attemptsFailed, job.state.workers.size]).toEqual([0, 0]);
  const fit = job.join("w2");
  for (let shards = 0; shards < 3; shards += 1) job.commit(fit);
  expect(job.state.phase.kind).toBe("reducing");
});

test("the grace time for an unfit worker is not prolonged when the worker joins again", () => {
  const reason = aReason("WORKER_UNFIT", "its folder is not visible");
  const job = TestJob.running(aPlan(1));
  let joins = 0;
  for (; job.state.phase.kind === "running" && joins < 20; joins += 1) {
    const worker = job.join("w1");
    job.tickAfter(1_000);
    job.fail(job.grant(worker), reason);
    job.tickAfter(30_000);
  }
  expect(job.state.phase).toMatchObject({ kind: "failed", reason });
  // 300 s without any worker, in parts of 30 s.
  expect(joins).toBe(10);
});
