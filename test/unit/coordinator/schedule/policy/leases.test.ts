import { describe, expect, test } from "vitest";
import { shardId } from "../../../../../shared/domain/shard.ts";
import { workerSession } from "../../../../../shared/domain/worker.ts";
import { aJobId } from "../../../../support/ids.ts";
import { aConfig, aPartial, aPlan, aReason, DIGESTS, kinds, only, TestJob } from "../harness.ts";

describe("granting leases", () => {
  test("shards are granted in plan order with growing tokens, each after its record", () => {
    const job = TestJob.running(aPlan(3));
    const worker = job.join("w1", 3);
    const effects = job.request(worker);
    expect(kinds(effects)).toEqual(["append leaseGranted", "grant"]);
    const rest = [job.grant(worker), job.grant(worker)];
    expect(only(effects, "grant")).toMatchObject({ shard: { id: 0 }, token: { generation: 1, sequence: 1 } });
    expect(rest.map(({ shard, token }) => [shard.id, token.sequence])).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  test("a worker gets no more leases than it has slots", () => {
    const job = TestJob.running(aPlan(3));
    const worker = job.join("w1", 1);
    job.grant(worker);
    expect(job.noLease(worker)).toMatchObject({ why: "slotsFull", retryAtMs: null });
  });

  test("an unknown session is refused with SESSION_STALE", () => {
    const job = TestJob.running(aPlan(1));
    const effects = job.request(workerSession("nobody"));
    expect(only(effects, "refuse").reason.code).toBe("SESSION_STALE");
  });

  test("every kind of call with the session of a lost worker is refused as stale", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const lease = job.grant(worker);
    job.lose(worker, "left");
    const partial = aPartial(lease.shard, lease.token);
    expect(only(job.fail(lease), "refuse").reason.code).toBe("SESSION_STALE");
    expect(only(job.release(lease), "refuse").reason.code).toBe("SESSION_STALE");
    const beat = job.apply({ kind: "heartbeat", worker, leases: [] });
    expect(only(beat, "refuse").reason.code).toBe("SESSION_STALE");
    const offered = job.offer(worker, partial);
    expect(kinds(offered)).toEqual(["settleOffer"]);
    expect(job.stateOf(0)).toBe("pending");
  });

  test("a second join in one session changes nothing", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    job.grant(worker);
    job.apply({ kind: "workerJoined", worker, name: "w1", slots: 2 });
    expect(job.state.leases.size).toBe(1);
  });
});

describe("renewing leases", () => {
  test("a renewed lease passes its first deadline and expires at the next", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const lease = job.grant(worker);
    job.nowMs += 20_000;
    expect(job.beat(worker, lease)).toEqual([true]);
    job.tickAfter(15_000);
    expect(job.stateOf(0)).toBe("leased");
    const effects = job.tickAfter(15_000);
    expect(kinds(effects)).toEqual(["append attemptEnded", "wake"]);
    expect(job.beat(worker, lease)).toEqual([false]);
  });

  test("an expired lease is no failure, and its shard is pending at once", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    for (let times = 0; times < 10; times += 1) {
      job.grant(worker);
      job.tickAfter(30_000);
    }
    expect(job.state.totals).toMatchObject({ attempts: 10, attemptsFailed: 0 });
    expect(job.grant(worker).token.sequence).toBe(11);
  });

  test("a heartbeat with another shard or session reports the lease as lost", () => {
    const job = TestJob.running(aPlan(2));
    const [first, second] = [job.join("w1"), job.join("w2")];
    const lease = job.grant(first);
    const other = job.grant(second);
    expect(job.beat(first, { ...lease, shard: other.shard })).toEqual([false]);
    expect(job.beat(second, lease)).toEqual([false]);
    expect(job.beat(first, lease)).toEqual([true]);
  });

  test("the number of finished rows never decreases, and never exceeds the rows of the shard", () => {
    const job = TestJob.running(aPlan(1, 10));
    const worker = job.join("w1");
    const { token, shard } = job.grant(worker);
    const reported = [4, 2, 5, 99, 0].map((rowsDone) => {
      job.apply({ kind: "heartbeat", worker, leases: [{ token, shard: shard.id, rowsDone }] });
      return [...job.state.leases.values()].map((lease) => lease.rowsDone);
    });
    expect(reported).toEqual([[4], [4], [5], [10], [10]]);
  });
});

describe("failed attempts", () => {
  test("a temporary failure is retried after a back-off that doubles", () => {
    const job = TestJob.running(aPlan(1), aConfig({ maxAttempts: 4 }));
    const worker = job.join("w1");
    for (const backoffMs of [500, 1000, 2000]) {
      const lease = job.grant(worker);
      const effects = job.fail(lease);
      expect(kinds(effects)).toEqual(["done", "append attemptEnded", "wake"]);
      expect(job.noLease(worker)).toMatchObject({ why: "backingOff", retryAtMs: job.nowMs + backoffMs });
      job.nowMs += backoffMs;
    }
    expect(job.grant(worker).token.sequence).toBe(4);
  });

  test("at the limit of attempts the job fails with the rows and the reason", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const effects = job.fail(job.grant(worker), aReason("MODEL_FAILED", `try ${attempt}`));
      if (attempt === 3) {
        const { phase, reason } = only(effects, "jobEnded");
        expect(phase).toBe("failed");
        expect(reason?.code).toBe("SHARD_FAILED");
        expect(reason?.fields).toEqual({
          shard: 0,
          file: "a.parquet",
          rowStart: 0,
          rowEnd: 10,
          code: "MODEL_FAILED",
        });
        expect(reason?.message).toContain("try 3");
      }
      job.nowMs += 60_000;
    }
    expect(job.state.phase.kind).toBe("failed");
  });

  test("the failure of a shard of several files names the files and the rows of the input", () => {
    const job = new TestJob();
    job.apply({ kind: "jobAccepted", jobId: aJobId("j1"), name: "digits", digests: DIGESTS });
    const files = ["/a", "/b", "/c"].map((path) => ({ path, rows: 10 }));
    job.apply({ kind: "planSealed", files, shards: aPlan(1, 30) });
    const failed = job.fail(job.grant(job.join("w1")), aReason("INPUT_CORRUPT", "/b is corrupt"));
    expect(only(failed, "jobEnded").reason?.fields).toEqual({
      shard: 0,
      files: 3,
      firstFile: "/a",
      lastFile: "/c",
      rowStart: 0,
      rowEnd: 30,
      worker: "w1",
    });
  });

  test("a permanent error fails the job at once", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const effects = job.fail(job.grant(worker), aReason("INPUT_CORRUPT", "page 3 is broken"));
    const { reason } = only(effects, "jobEnded");
    expect(reason).toMatchObject({ code: "INPUT_CORRUPT", fields: { shard: 0, worker: "w1" } });
  });

  test("an attempt that ends with a lost lease or an interruption is no failure", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    for (const code of ["LEASE_STALE", "INTERRUPTED"] as const) job.fail(job.grant(worker), aReason(code));
    expect(job.state.totals.attemptsFailed).toBe(0);
    expect(job.stateOf(0)).toBe("pending");
  });

  test("a failure with an old token is refused and changes nothing", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const lease = job.grant(worker);
    job.tickAfter(30_000);
    const effects = job.fail(lease);
    expect(kinds(effects)).toEqual(["refuse"]);
    expect(only(effects, "refuse").reason.code).toBe("LEASE_STALE");
    expect(job.state.totals.attemptsFailed).toBe(0);
  });

  test("a drained worker releases its shard without a failure", () => {
    const job = TestJob.running(aPlan(1));
    const [first, second] = [job.join("w1"), job.join("w2")];
    const effects = job.release(job.grant(first));
    expect(kinds(effects)).toEqual(["done", "append attemptEnded", "wake"]);
    job.grant(second);
    job.lose(second, "left");
    expect(job.state.totals.attemptsFailed).toBe(0);
    expect(job.grant(first).shard.id).toBe(0);
  });
});

describe("shards that failed before", () => {
  test("a shard whose worker was lost runs alone, so another loss can be attributed to it", () => {
    const job = TestJob.running(aPlan(3));
    const dead = job.join("w0");
    job.grant(dead);
    job.lose(dead);
    const [first, second] = [job.join("w1"), job.join("w2")];
    job.nowMs += 1000;
    expect(job.grant(first).shard.id).toBe(0);
    expect(job.noLease(first).why).toBe("slotsFull");
    const busy = [job.grant(second), job.grant(second)];
    expect(busy.map(({ shard }) => shard.id)).toEqual([1, 2]);
  });

  test("a shard that failed without the loss of its worker is retried while other shards run", () => {
    const job = TestJob.running(aPlan(9));
    const worker = job.join("w1");
    job.fail(job.grant(worker));
    job.grant(worker);
    job.nowMs += 1000;
    expect(job.grant(worker).shard.id).toBe(0);
  });

  test("the last attempt of a shard is on another worker, if there is one", () => {
    const job = TestJob.running(aPlan(1));
    const [first, second] = [job.join("w1"), job.join("w2")];
    job.fail(job.grant(first));
    job.nowMs += 1000;
    job.fail(job.grant(first));
    job.nowMs += 1000;
    const waiting = job.noLease(first);
    expect(waiting).toMatchObject({ why: "backingOff", retryAtMs: job.nowMs + 30_000 });
    expect(job.grant(second).shard.id).toBe(0);
  });

  test("a shard waits for another worker for at most the time of a lease", () => {
    const job = TestJob.running(aPlan(1));
    const first = job.join("w1");
    job.join("w2");
    for (let times = 0; times < 2; times += 1) {
      job.fail(job.grant(first));
      job.nowMs += 1000;
    }
    expect(job.noLease(first).why).toBe("backingOff");
    job.nowMs += 30_000;
    expect(job.grant(first).shard.id).toBe(0);
  });
});

describe("the presence of workers", () => {
  test("a job without workers for the grace time fails with NO_WORKERS", () => {
    const job = TestJob.running(aPlan(1));
    job.tickAfter(0);
    job.tickAfter(299_999);
    expect(job.state.phase.kind).toBe("running");
    const effects = job.tickAfter(1);
    expect(only(effects, "jobEnded").reason).toMatchObject({ code: "NO_WORKERS", fields: { shardsLeft: 1 } });
  });

  test("a worker that joins in time ends the grace time, and its loss starts it again", () => {
    const job = TestJob.running(aPlan(1));
    job.tickAfter(0);
    job.nowMs += 299_000;
    const worker = job.join("w1");
    job.tickAfter(10_000);
    job.lose(worker);
    job.tickAfter(299_999);
    expect(job.state.phase.kind).toBe("running");
    job.tickAfter(1);
    expect(job.state.phase.kind).toBe("failed");
  });

  test("a second loss of the same worker changes nothing", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    job.grant(worker);
    job.lose(worker);
    expect(job.lose(worker)).toEqual([]);
    expect(job.state.totals.attemptsFailed).toBe(1);
  });
});

test("a shard keeps at most sixteen attempts, and tokens of older attempts are refused", () => {
  const job = TestJob.running(aPlan(1));
  const worker = job.join("w1");
  const oldest = job.grant(worker);
  for (let times = 0; times < 20; times += 1) {
    job.tickAfter(30_000);
    job.grant(worker);
  }
  expect(job.state.shards[0]?.attempts).toHaveLength(16);
  const effects = job.offer(worker, aPartial(oldest.shard, oldest.token));
  expect(kinds(effects)).toEqual(["settleOffer", "discard"]);
  expect(only(effects, "settleOffer").outcome).toMatchObject({ reason: { code: "LEASE_STALE" } });
  job.restart();
  const again = job.join("w1");
  const late = job.offer(again, aPartial(oldest.shard, oldest.token));
  expect(only(late, "settleOffer").outcome).toMatchObject({ reason: { code: "LEASE_STALE" } });
  expect(job.stateOf(shardId(0))).toBe("pending");
});
