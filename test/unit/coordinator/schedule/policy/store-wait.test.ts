import { expect, test } from "vitest";
import { aConfig, aPlan, aReason, only, TestJob } from "../harness.ts";

const AWAY = aReason("STORE_UNAVAILABLE", "s3://data answers 503 (SlowDown)");

/** Runs a job of one shard whose store is unavailable, with one worker that retries whenever permitted. */
function attemptUntilOver(job: TestJob, worker: ReturnType<TestJob["join"]>, attemptMs: number): number {
  let attempts = 0;
  while (job.state.phase.kind === "running") {
    const retryAtMs = attempts === 0 ? job.nowMs : (job.noLease(worker).retryAtMs ?? job.nowMs);
    job.nowMs = Math.max(job.nowMs, retryAtMs);
    const granted = job.grant(worker);
    job.nowMs += attemptMs;
    job.fail(granted, AWAY);
    attempts += 1;
  }
  return attempts;
}

test("an unavailable store is no failed attempt of its shard and no strike of the worker", () => {
  const job = TestJob.running(aPlan(1));
  const worker = job.join("w1");
  for (let round = 0; round < 2 * job.config.maxAttempts; round += 1) {
    job.fail(job.grant(worker), AWAY);
    const { retryAtMs } = job.noLease(worker);
    expect(retryAtMs).toBeGreaterThan(job.nowMs);
    job.nowMs = retryAtMs ?? 0;
  }
  expect(job.state.totals.attemptsFailed).toBe(0);
  expect(job.state.reputations.size).toBe(0);
  expect(job.state.storeWait).toMatchObject({ reason: AWAY });
  job.commit(worker);
  expect([job.state.storeWait, job.state.storeWaits.size, job.state.phase.kind]).toEqual([
    null,
    0,
    "reducing",
  ]);
});

test("a job fails with the reason of the store after a shard has waited for the grace time", () => {
  const job = TestJob.running(aPlan(1), aConfig({ storeGraceMs: 600_000 }));
  const startMs = job.nowMs;
  const attempts = attemptUntilOver(job, job.join("w1"), 9_000);
  expect(job.state.phase).toMatchObject({
    kind: "failed",
    reason: { code: "STORE_UNAVAILABLE", fields: { shard: 0, waitedSeconds: expect.any(Number) } },
  });
  expect(job.nowMs - startMs).toBeGreaterThanOrEqual(600_000);
  expect(job.nowMs - startMs).toBeLessThan(660_000);
  expect(attempts).toBeLessThan(30);
});

test("a job continues if a shard progresses for longer than the grace time between two store failures", () => {
  const job = TestJob.running(aPlan(1, 100), aConfig({ storeGraceMs: 60_000 }));
  const worker = job.join("w1");
  for (let round = 0; round < 5; round += 1) {
    const granted = job.grant(worker);
    for (let beats = 0; beats < 12; beats += 1) {
      job.nowMs += 10_000;
      const lease = { token: granted.token, shard: granted.shard.id, rowsDone: beats + 1 };
      job.apply({ kind: "heartbeat", worker, leases: [lease] });
    }
    job.fail(granted, AWAY);
    job.nowMs = job.noLease(worker).retryAtMs ?? job.nowMs;
  }
  expect(job.state.phase.kind).toBe("running");
});

test("other shards run while one waits for its store", () => {
  const job = TestJob.running(aPlan(3));
  const worker = job.join("w1");
  job.fail(job.grant(worker), AWAY);
  job.commit(worker);
  job.commit(worker);
  job.nowMs = job.noLease(worker).retryAtMs ?? 0;
  expect(only(job.request(worker), "grant").shard.id).toBe(0);
});
