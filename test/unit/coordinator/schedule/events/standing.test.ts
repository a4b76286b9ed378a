import { expect, test } from "vitest";
import { shardId } from "../../../../../shared/domain/shard.ts";
import { aDigest, aJobId } from "../../../../support/ids.ts";
import { aConfig, aPartial, aPlan, aReason, kinds, only, outcomeOf, TestJob } from "../harness.ts";

function paused(shards = 3) {
  const job = TestJob.running(aPlan(shards), aConfig({ noWorkersGraceMs: 60_000 }));
  const worker = job.join("w1");
  const held = job.grant(worker);
  const effects = job.apply({ kind: "standingRequested", change: { paused: true } });
  return { job, worker, held, effects };
}

test("a pause is durable before it is acknowledged, and a repeated pause adds no record", () => {
  const { job, effects } = paused();
  expect(effects).toMatchObject([
    { kind: "append", durable: true, record: { kind: "standingChanged", priority: 0, paused: true } },
    { kind: "done" },
    { kind: "wake" },
  ]);
  expect(kinds(job.apply({ kind: "standingRequested", change: { paused: true } }))).toEqual(["done"]);
});

test("a paused job assigns no shard, and commits the shard of a held lease", () => {
  const { job, worker, held } = paused();
  expect(job.noLease(worker).why).toBe("paused");
  expect(job.beat(worker, held)).toEqual([true]);
  const partial = aPartial(held.shard, held.token);
  job.offer(worker, partial);
  expect(outcomeOf(job.stored(partial))).toBe("committed");
  expect(job.stateOf(0)).toBe("committed");
  expect(job.noLease(worker).why).toBe("paused");
  job.apply({ kind: "standingRequested", change: { paused: false } });
  expect(job.grant(worker).shard.id).toBe(1);
});

test("a shard that fails while its job is paused waits for the job to be resumed", () => {
  const { job, worker, held } = paused();
  job.fail(held);
  job.tickAfter(60_000);
  expect(job.noLease(worker).why).toBe("paused");
  job.apply({ kind: "standingRequested", change: { paused: false } });
  expect(job.grant(worker).shard.id).toBe(0);
});

test("time without workers is not counted while a job is paused, and counts from zero after it is resumed", () => {
  const { job, worker } = paused();
  job.lose(worker, "left");
  job.tickAfter(3_600_000);
  expect(job.failure).toBeNull();
  job.apply({ kind: "standingRequested", change: { paused: false } });
  job.tickAfter(1_000);
  job.tickAfter(59_000);
  expect(job.failure).toBeNull();
  job.tickAfter(2_000);
  expect(job.failure?.code).toBe("NO_WORKERS");
});

test("a restart keeps priority and pause, and a worker continues its shard of the paused job", () => {
  const { job } = paused();
  job.apply({ kind: "standingRequested", change: { priority: 7 } });
  job.restart();
  expect(job.state.standing).toEqual({ priority: 7, paused: true });
  const again = job.join("w1");
  const request = { kind: "leaseRequested", worker: again } as const;
  expect(only(job.apply(request), "noLease").why).toBe("paused");
  expect(only(job.apply({ ...request, running: [shardId(0)] }), "grant").shard.id).toBe(0);
});

test("a new run of a job that was cancelled while paused is not paused, and keeps the priority", () => {
  const { job } = paused();
  job.apply({ kind: "standingRequested", change: { priority: -3 } });
  expect(job.apply({ kind: "cancelRequested", reason: "enough" }).at(-1)).toMatchObject({
    phase: "cancelled",
  });
  job.restart([...job.records, { kind: "jobRevived", jobId: aJobId("j2") }]);
  expect(job.state.standing).toEqual({ priority: -3, paused: false });
});

test("a job with all shards done cannot be paused, and its priority may change", () => {
  const job = TestJob.running(aPlan(1));
  job.commit(job.join("w1"));
  const change = (what: { paused?: boolean; priority?: number }) =>
    job.apply({ kind: "standingRequested", change: what });
  expect(only(change({ paused: true }), "refuse").reason).toMatchObject({ code: "PAUSE_TOO_LATE" });
  expect(kinds(change({ paused: false }))).toEqual(["done"]);
  expect(kinds(change({ priority: 1 }))).toContain("done");
  job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
  expect(only(change({ paused: true }), "refuse").reason).toMatchObject({ code: "PAUSE_TOO_LATE" });
});

test("a pause of an ended job is refused", () => {
  const job = TestJob.running(aPlan(1));
  job.apply({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
  const effects = job.apply({ kind: "standingRequested", change: { paused: true } });
  expect(only(effects, "refuse").reason.code).toBe("JOB_ENDED");
});
