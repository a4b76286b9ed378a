import { describe, expect, test } from "vitest";
import { applyEvent } from "../../../../../coordinator/schedule/events/apply.ts";
import { committedPartials, jobProgress } from "../../../../../coordinator/schedule/state/progress.ts";
import { recordOf } from "../../../../../shared/core/record-of.ts";
import type { Law } from "../../../../../shared/domain/laws.ts";
import { RUN_COUNTS } from "../../../../../shared/domain/row-counts.ts";
import { workerSession } from "../../../../../shared/domain/worker.ts";
import { aDigest, aJobId } from "../../../../support/ids.ts";
import {
  aConfig,
  aPartial,
  aPlan,
  aReason,
  DIGESTS,
  filesOf,
  kinds,
  only,
  outcomeOf,
  TestJob,
} from "../harness.ts";

function reducing(shards = 2, config = aConfig()) {
  const job = TestJob.running(aPlan(shards), config);
  const worker = job.join("w1");
  const partials = Array.from({ length: shards }, () => job.commit(worker));
  return { job, worker, partials };
}

describe("planning", () => {
  test("acceptance and the sealed plan are durable, and workers are woken for the shards", () => {
    const job = new TestJob();
    const accepted = job.apply({
      kind: "jobAccepted",
      jobId: aJobId("j1"),
      name: "digits",
      digests: DIGESTS,
    });
    const sealed = job.apply({ kind: "planSealed", files: filesOf(aPlan(2)), shards: aPlan(2) });
    expect([kinds(accepted), kinds(sealed)]).toEqual([["append jobAccepted"], ["append planSealed", "wake"]]);
    expect([...accepted, ...sealed].filter((effect) => effect.kind === "append" && !effect.durable)).toEqual(
      [],
    );
    expect(job.state.phase.kind).toBe("running");
  });

  test("a plan without shards starts the reduce at once", () => {
    const job = TestJob.running([]);
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("a dataset without rows is one empty shard, mapped like any other", () => {
    const job = TestJob.running(aPlan(1, 0));
    job.commit(job.join("w1"));
    expect(job.state.phase.kind).toBe("reducing");
    expect(job.state.speeds.medianMsPerRow).toBeNull();
  });

  test("a plan whose shards overlap, are out of order or omit rows is refused", () => {
    const [first, second] = aPlan(2);
    if (first === undefined || second === undefined) throw new Error("no plan");
    const bad = [
      [first, { ...second, rowStart: 5 }],
      [first, { ...second, rowStart: 12 }],
      [{ ...first, rowStart: 5, rowEnd: 4 }],
      [{ ...first, rowStart: 1 }, second],
      [first],
    ];
    for (const shards of bad) {
      const job = new TestJob();
      job.apply({ kind: "jobAccepted", jobId: aJobId("j1"), name: "digits", digests: DIGESTS });
      const files = filesOf(aPlan(2));
      expect(() => job.apply({ kind: "planSealed", files, shards })).toThrow(
        "shards-partition" satisfies Law,
      );
    }
  });

  test("a worker that requests a lease while planning waits", () => {
    const job = new TestJob();
    expect(job.noLease(job.join("w1")).why).toBe("nothingPending");
  });
});

describe("reducing and publishing", () => {
  test("the intent is durable before the publish, and the end before it is reported", () => {
    const { job } = reducing();
    const intent = job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
    expect(intent).toMatchObject([
      { kind: "append", durable: true, record: { kind: "publishIntent", outputDigest: aDigest("d1") } },
      { kind: "publish", outputDigest: aDigest("d1") },
    ]);
    const done = job.apply({ kind: "publishDone", outputDigest: aDigest("d1") });
    expect(done).toMatchObject([
      { kind: "append", durable: true, record: { kind: "published" } },
      { kind: "jobEnded", phase: "published", reason: null },
    ]);
  });

  test("publishing anything but the intent is a broken invariant", () => {
    const { job } = reducing();
    job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
    expect(() => job.apply({ kind: "publishDone", outputDigest: aDigest("d2") })).toThrow(
      "published-once" satisfies Law,
    );
  });

  test("a damaged partial is revoked, and its shard runs again", () => {
    const { job, worker, partials } = reducing();
    const [first] = partials;
    if (first === undefined) throw new Error("no partial");
    const effects = job.apply({
      kind: "partialDamaged",
      shard: first.shard,
      digest: first.digest,
      reason: "gone",
    });
    expect(kinds(effects)).toEqual(["append shardRevoked", "wake"]);
    expect(job.state.phase.kind).toBe("running");
    expect(outcomeOf(job.offer(worker, first))).toBe("LEASE_STALE");
    const again = job.commit(worker);
    expect(job.state.phase.kind).toBe("reducing");
    expect(committedPartials(job.state).map(({ executionId }) => executionId)).toEqual([
      again.executionId,
      partials[1]?.executionId,
    ]);
  });

  test("a second report of the same damage, or one about another partial, changes nothing", () => {
    const { job, partials } = reducing();
    const [first, second] = partials;
    if (first === undefined || second === undefined) throw new Error("no partial");
    const report = {
      kind: "partialDamaged",
      shard: first.shard,
      digest: first.digest,
      reason: "gone",
    } as const;
    job.apply(report);
    expect(job.apply(report)).toEqual([]);
    expect(job.apply({ ...report, shard: second.shard, digest: aDigest("other") })).toEqual([]);
    expect(job.state.counts.committed).toBe(1);
  });

  test("repeated damage to partials fails the job", () => {
    const { job, worker } = reducing(1);
    for (let round = 0; round < 3; round += 1) {
      const [partial] = committedPartials(job.state);
      if (partial === undefined) throw new Error("no partial");
      const { shard, digest } = partial;
      job.apply({ kind: "partialDamaged", shard, digest, reason: "gone" });
      if (job.state.phase.kind === "running") job.commit(worker);
    }
    expect(job.failure).toMatchObject({ code: "SHARD_FAILED", fields: { shard: 0 } });
  });
});

describe("cancelling", () => {
  test.each(["planning", "running", "reducing"] as const)(
    "a cancel while %s is durable first, then done, then ends the job",
    (phase) => {
      const job =
        phase === "reducing"
          ? reducing().job
          : phase === "running"
            ? TestJob.running(aPlan(1))
            : new TestJob();
      expect(job.state.phase.kind).toBe(phase);
      const effects = job.apply({ kind: "cancelRequested", reason: "enough" });
      expect(effects).toMatchObject([
        { kind: "append", durable: true, record: { kind: "jobCancelled" } },
        { kind: "done" },
        { kind: "jobEnded", phase: "cancelled", reason: { code: "JOB_CANCELLED", message: "enough" } },
      ]);
    },
  );

  test("a cancel revokes leases and refuses a partial that is being verified", () => {
    const job = TestJob.running(aPlan(3));
    const worker = job.join("w1");
    const [first, second] = [job.grant(worker), job.grant(worker)];
    const partial = aPartial(first.shard, first.token);
    job.offer(worker, partial);
    const effects = job.apply({ kind: "cancelRequested", reason: "enough" });
    expect(kinds(effects)).toEqual([
      "append jobCancelled",
      "done",
      "append attemptEnded",
      "settleOffer",
      "discard",
      "jobEnded",
    ]);
    expect(outcomeOf(effects)).toBe("JOB_ENDED");
    expect(job.beat(worker, second)).toEqual([false]);
    expect(job.stored(partial)).toEqual([]);
  });

  test("a cancel is too late once the intent to publish is recorded", () => {
    const { job } = reducing();
    job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
    const effects = job.apply({ kind: "cancelRequested", reason: "enough" });
    expect(only(effects, "refuse").reason.code).toBe("CANCEL_TOO_LATE");
    job.apply({ kind: "publishDone", outputDigest: aDigest("d1") });
    const late = job.apply({ kind: "cancelRequested", reason: "enough" });
    expect(only(late, "refuse").reason.code).toBe("CANCEL_TOO_LATE");
  });

  test("a repeated cancel is done again, and a cancel of a failed job is refused", () => {
    const job = TestJob.running(aPlan(1));
    job.apply({ kind: "cancelRequested", reason: "enough" });
    expect(kinds(job.apply({ kind: "cancelRequested", reason: "enough" }))).toEqual(["done"]);
    const broken = TestJob.running(aPlan(1));
    broken.apply({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
    const effects = broken.apply({ kind: "cancelRequested", reason: "enough" });
    expect(only(effects, "refuse").reason.code).toBe("JOB_ENDED");
  });
});

test("progress has the counts of rows, shards, attempts and workers", () => {
  const job = TestJob.running(aPlan(4), aConfig({ maxDeadLetters: 2 }));
  const worker = job.join("w1", 3);
  const letter = { file: "a.parquet", row: 3, stage: "infer", code: "ROW_FAILED", message: "nan" } as const;
  const counts = {
    rowsMapped: 6,
    rowsFiltered: 3,
    rowsOut: 12,
    rowsTruncated: 5,
    rowsDeadLettered: 1,
  };
  job.commit(worker, { ...counts, firstDeadLetter: letter });
  const lease = job.grant(worker);
  job.apply({
    kind: "heartbeat",
    worker,
    leases: [{ token: lease.token, shard: lease.shard.id, rowsDone: 4 }],
  });
  const other = job.grant(worker);
  job.offer(worker, aPartial(other.shard, other.token));
  expect(jobProgress(job.state)).toEqual({
    phase: "running",
    rowsTotal: 40,
    rowsPruned: 0,
    rowsSkipped: 0,
    rowsDone: 24,
    rowsCommitted: 10,
    ...recordOf(RUN_COUNTS, () => 0),
    ...{ rowsFiltered: 3, rowsOut: 12, rowsTruncated: 5 },
    deadLetters: 1,
    shardsTotal: 4,
    shardsCommitted: 1,
    shardsLeased: 2,
    attempts: 3,
    attemptsFailed: 0,
    workers: 1,
  });
});

test("the same events give the same effects", () => {
  const run = () => {
    const job = new TestJob();
    const worker = workerSession("w");
    return [
      { kind: "jobAccepted", jobId: aJobId("j"), name: "n", digests: DIGESTS } as const,
      { kind: "planSealed", files: filesOf(aPlan(3)), shards: aPlan(3) } as const,
      { kind: "workerJoined", worker, name: "w", slots: 2 } as const,
      { kind: "leaseRequested", worker } as const,
      { kind: "workerLost", worker, how: "exited", message: "gone" } as const,
    ].map((event) => applyEvent(job.state, 5, event));
  };
  expect(run()).toEqual(run());
});
