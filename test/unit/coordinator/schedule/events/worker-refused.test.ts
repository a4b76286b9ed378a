import { expect, test } from "vitest";
import { aPlan, aReason, only, TestJob } from "../harness.ts";

test("a job whose workers are all refused fails with the reason after a grace time, unless one is accepted", () => {
  const reason = { code: "DEVICE_WRONG", message: "row 5 is wrong", fields: {} } as const;
  const job = TestJob.running(aPlan(1));
  const wrong = job.join("w1");
  job.grant(wrong);
  job.apply({ kind: "workerRefused", worker: wrong, reason });
  expect(job.state.counts).toMatchObject({ pending: 1, leased: 0 });
  job.tickAfter(0);
  job.tickAfter(29_999);
  expect(job.state.phase.kind).toBe("running");
  const right = job.join("w2");
  job.tickAfter(60_000);
  job.grant(right);
  job.apply({ kind: "workerRefused", worker: right, reason });
  job.tickAfter(0);
  const effects = job.tickAfter(30_000);
  expect(only(effects, "jobEnded").reason).toEqual(reason);
  expect(job.state.totals.attemptsFailed).toBe(0);
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
  const { unfit } = job.config.refusedGraceMs;
  const startMs = job.nowMs;
  while (job.state.phase.kind === "running") {
    const worker = job.join("w1");
    job.tickAfter(1_000);
    job.fail(job.grant(worker), reason);
    job.tickAfter(30_000);
  }
  expect(job.state.phase).toMatchObject({ kind: "failed", reason });
  expect(job.nowMs - startMs).toBeGreaterThanOrEqual(unfit);
  expect(job.nowMs - startMs).toBeLessThan(1.2 * unfit);
});
