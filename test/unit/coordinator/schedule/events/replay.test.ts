import { describe, expect, test } from "vitest";
import { replay, resumeEffects } from "../../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../../coordinator/schedule/laws/durable-facts.ts";
import type { JournalRecord } from "../../../../../coordinator/schedule/state/record.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../../shared/domain/execution-id.ts";
import type { Law } from "../../../../../shared/domain/laws.ts";
import { shardId } from "../../../../../shared/domain/shard.ts";
import { aDigest } from "../../../../support/ids.ts";
import { aConfig, aPlan, aReason, kinds, only, TestJob } from "../harness.ts";

describe("a restart of the coordinator", () => {
  test("a restart makes leased shards pending, keeps commits, and grants with higher tokens", () => {
    const job = TestJob.running(aPlan(3));
    const worker = job.join("w1");
    job.commit(worker);
    job.grant(worker);
    job.restart();
    expect(job.state.counts).toMatchObject({ committed: 1, pending: 2, leased: 0 });
    const lease = job.grant(job.join("w1"));
    expect(lease.shard.id).toBe(1);
    expect(lease.token).toEqual({ generation: 2, sequence: 1 });
  });

  test("a restart keeps the failures of a shard", () => {
    const job = TestJob.running(aPlan(1));
    for (let attempt = 0; attempt < 3; attempt += 1) {
      job.fail(job.grant(job.join(`w${attempt}`)));
      if (attempt < 2) job.restart();
    }
    expect(job.failure?.code).toBe("SHARD_FAILED");
  });

  test("a restart keeps the mapping of committed shards, and without these uses its own", () => {
    const job = TestJob.running(aPlan(3));
    job.restart();
    job.restart();
    expect(job.state.mapping).toBe("of generation 3");
    const { shard, digest } = job.commit(job.join("w1"));
    job.restart();
    expect(job.state.mapping).toBe("of generation 3");
    job.apply({ kind: "partialDamaged", shard, digest, reason: "its file is gone" });
    job.restart();
    expect(job.state.mapping).toBe("of generation 5");
  });

  test("a restart of a running job has no effects", () => {
    const job = TestJob.running(aPlan(1));
    expect(job.restart()).toEqual([]);
  });

  test("a restart while reducing starts the reduce again, and while publishing it publishes the intent", () => {
    const job = TestJob.running(aPlan(1));
    job.commit(job.join("w1"));
    expect(job.restart()).toEqual([{ kind: "startReduce" }]);
    job.apply({ kind: "reduced", outputDigest: aDigest("d1") });
    expect(job.restart()).toEqual([{ kind: "publish", outputDigest: aDigest("d1") }]);
    job.apply({ kind: "publishDone", outputDigest: aDigest("d1") });
    expect(job.restart()).toEqual([{ kind: "jobEnded", phase: "published", reason: null }]);
  });

  test("a restart of a failed or cancelled job reports how the job ended", () => {
    const failed = TestJob.running(aPlan(1));
    failed.apply({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
    expect(failed.restart()).toMatchObject([
      { kind: "jobEnded", phase: "failed", reason: { code: "OUTPUT_FAILED" } },
    ]);
    const cancelled = TestJob.running(aPlan(1));
    cancelled.apply({ kind: "cancelRequested", reason: "enough" });
    expect(cancelled.restart()).toMatchObject([{ kind: "jobEnded", phase: "cancelled" }]);
  });

  test("a restart before the plan is sealed stays in the phase planning", () => {
    const job = new TestJob();
    expect(job.restart()).toEqual([]);
    expect(job.state.phase.kind).toBe("planning");
  });
});

describe("a crash between a record and its consequence", () => {
  const without = (job: TestJob, kind: JournalRecord["kind"]) => {
    const at = job.records.findIndex((record) => record.kind === kind);
    if (at === -1) throw new Error(`no ${kind} to cut off`);
    return job.records.slice(0, at);
  };

  test("after the last loss of a worker, the shard is split when the job is resumed", () => {
    const job = TestJob.running(aPlan(1, 4));
    for (const name of ["w1", "w2", "w3"]) {
      job.lose(job.grant(job.join(name)).worker);
      job.nowMs += 60_000;
    }
    expect(kinds(job.restart(without(job, "shardSplit")))).toEqual(["append shardSplit", "wake"]);
  });

  test("after the last failure, the job fails when it is resumed", () => {
    const job = TestJob.running(aPlan(1, 4));
    for (const name of ["w1", "w2", "w3"]) {
      job.fail(job.grant(job.join(name)));
      job.nowMs += 60_000;
    }
    const effects = job.restart(without(job, "jobFailed"));
    expect(kinds(effects)).toEqual(["append jobFailed", "jobEnded"]);
  });

  test("after a commit beyond the limit of dead letters, the job fails when it is resumed", () => {
    const job = TestJob.running(aPlan(1));
    const letter = { file: "a.parquet", row: 3, stage: "infer", code: "ROW_FAILED", message: "nan" } as const;
    job.commit(job.join("w1"), { rowsOut: 9, rowsDeadLettered: 1, firstDeadLetter: letter });
    const effects = job.restart(without(job, "jobFailed"));
    expect(only(effects, "jobEnded").reason).toMatchObject({
      code: "ERROR_BUDGET_EXCEEDED",
      fields: { row: 3 },
    });
  });

  test("after the last loss with a poisoned row, the row is dead-lettered when the job is resumed", () => {
    const job = TestJob.running(aPlan(1, 1), aConfig({ maxDeadLetters: 1 }));
    for (const name of ["w1", "w2", "w3"]) {
      job.lose(job.grant(job.join(name)).worker);
      job.nowMs += 60_000;
    }
    const effects = job.restart(without(job, "rowDeadLettered"));
    expect(kinds(effects)).toEqual(["append rowDeadLettered", "startReduce"]);
  });
});

describe("replay", () => {
  test("a replay of every record twice in a row equals a replay of each record once", () => {
    const job = TestJob.running(aPlan(3, 2), aConfig({ maxDeadLetters: 2 }));
    const worker = job.join("w0", 1);
    const partial = job.commit(worker);
    for (const name of ["w1", "w2", "w3"]) {
      job.lose(job.grant(job.join(name)).worker);
      job.nowMs += 60_000;
    }
    while (job.state.phase.kind === "running") job.commit(worker);
    const { shard, digest } = partial;
    job.apply({ kind: "partialDamaged", shard, digest, reason: "gone" });
    job.commit(worker);
    job.apply({ kind: "reduced", outputDigest: aDigest("d") });
    job.apply({ kind: "publishDone", outputDigest: aDigest("d") });
    const kindsSeen = new Set(job.records.map(({ kind }) => kind));
    expect(kindsSeen).toContain("shardSplit");
    const doubled = job.records.flatMap((record) => [record, record]);
    expect(durableFacts(replay(job.config, doubled, 2))).toEqual(
      durableFacts(replay(job.config, job.records, 2)),
    );
  });

  test.each<[string, (records: JournalRecord[]) => JournalRecord[]]>([
    [
      "a second commit of a shard",
      (records) => [...records, { kind: "shardCommitted", partial: other(records) }],
    ],
    ["a commit before the plan", (records) => records.filter(({ kind }) => kind !== "planSealed")],
    ["a plan before the job", (records) => records.filter(({ kind }) => kind !== "jobAccepted")],
    ["a token that is not new", (records) => [...records, granted({ generation: 1, sequence: 0 })]],
    [
      "a publish without intent",
      (records) => [...records, { kind: "published", outputDigest: aDigest("d") }],
    ],
    [
      "an intent with open shards",
      (records) => [...records, { kind: "publishIntent", outputDigest: aDigest("d") }],
    ],
    [
      "work after the end",
      (records) => [
        ...records,
        { kind: "jobCancelled", reason: "x" },
        granted({ generation: 1, sequence: 9 }),
      ],
    ],
  ])("a replay refuses %s", (_, change) => {
    const job = TestJob.running(aPlan(2));
    job.commit(job.join("w1"));
    const attempt = () => replay(job.config, change(job.records), 2);
    expect(attempt).toThrow(expect.toSatisfy((error) => isShardmillError(error, "JOURNAL_CORRUPT")));
  });

  test("a replay with a generation that has already granted tokens is refused", () => {
    const job = TestJob.running(aPlan(2));
    job.grant(job.join("w1"));
    expect(() => replay(job.config, job.records, 1)).toThrow("tokens-grow" satisfies Law);
    expect(resumeEffects(replay(job.config, job.records, 2))).toEqual([]);
  });
});

function granted(token: { generation: number; sequence: number }): JournalRecord {
  return { kind: "leaseGranted", shard: shardId(1), token, worker: "w", backup: false };
}

function other(records: readonly JournalRecord[]) {
  for (const record of records) {
    if (record.kind === "shardCommitted") return { ...record.partial, executionId: asExecutionId("other") };
  }
  throw new Error("no commit");
}
