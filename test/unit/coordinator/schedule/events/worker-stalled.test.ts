import { describe, expect, test } from "vitest";
import { aConfig, aPlan, only, TestJob } from "../harness.ts";

const MINUTE = 60_000;

describe("a worker that renews its leases without progress", () => {
  const patient = aConfig({ leaseMs: 10_000_000 });
  const { stallMs } = patient;

  test("a stalled worker fails its oldest lease after a while, and its other leases expire", () => {
    const job = TestJob.running(aPlan(3), patient);
    const worker = job.join("w1");
    const [first, second] = [job.grant(worker), job.grant(worker)];
    expect(job.beat(worker, first, second)).toEqual([true, true]);
    job.nowMs += stallMs - 1;
    expect(job.beat(worker, first, second)).toEqual([true, true]);
    job.nowMs += 1;
    expect(job.beat(worker, first, second)).toEqual([false, false]);
    expect(job.records.slice(-2)).toMatchObject([
      { shard: 0, end: { kind: "failed", code: "ATTEMPT_STALLED" } },
      { shard: 1, end: { kind: "expired" } },
    ]);
    expect(job.grant(worker).shard.id).toBe(1);
  });

  test("a worker is not stalled while any of its leases progresses, however long a prefetched lease waits", () => {
    const job = TestJob.running(aPlan(3, 100), patient);
    const worker = job.join("w1");
    const [first, second] = [job.grant(worker), job.grant(worker)];
    for (let rowsDone = 1; rowsDone < 50; rowsDone += 1) {
      job.nowMs += stallMs - 1;
      const leases = [first, second].map(({ token, shard }, index) => ({
        token,
        shard: shard.id,
        rowsDone: index === 0 ? rowsDone : 0,
      }));
      const reply = only(job.apply({ kind: "heartbeat", worker, leases }), "heartbeatReply");
      expect(reply.leases.map(({ live }) => live)).toEqual([true, true]);
    }
  });

  test("a worker without leases is not stalled", () => {
    const job = TestJob.running(aPlan(3), patient);
    const worker = job.join("w1");
    job.nowMs += 10 * stallMs;
    const { token, shard } = job.grant(worker);
    const leases = [{ token, shard: shard.id, rowsDone: 0 }];
    const reply = only(job.apply({ kind: "heartbeat", worker, leases }), "heartbeatReply");
    expect(reply.leases.map(({ live }) => live)).toEqual([true]);
  });

  test("a job whose only worker stalls repeatedly fails", () => {
    const job = TestJob.running(aPlan(1), patient);
    const worker = job.join("w1");
    for (let times = 0; times < 3; times += 1) {
      const lease = job.grant(worker);
      job.beat(worker, lease);
      job.nowMs += stallMs;
      job.beat(worker, lease);
      job.nowMs += MINUTE;
    }
    expect(job.failure).toMatchObject({ code: "SHARD_FAILED", fields: { code: "ATTEMPT_STALLED" } });
  });
});
