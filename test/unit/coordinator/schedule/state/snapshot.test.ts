import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { replay } from "../../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../../coordinator/schedule/laws/durable-facts.ts";
import { checkInvariants } from "../../../../../coordinator/schedule/laws/invariants.ts";
import type { JournalRecord } from "../../../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot, type Snapshot } from "../../../../../coordinator/schedule/state/snapshot.ts";
import { sha256 } from "../../../../../shared/core/digest.ts";
import { asExecutionId } from "../../../../../shared/domain/execution-id.ts";
import { aDigest, aJobId } from "../../../../support/ids.ts";
import { aConfig, aPartial, aPlan, aReason, TestJob } from "../harness.ts";
import { World } from "../world.ts";

const CONFIG = aConfig({ maxDeadLetters: 100 });
const LAST = 1_000;

/** Returns the snapshot as a file would restore it. */
function throughJson(snapshot: Snapshot): Snapshot {
  return JSON.parse(JSON.stringify({ ...snapshot, blocks: [...snapshot.blocks] }));
}

/** Returns the snapshots of a coordinator that makes one at each cut. */
function snapshotsAt(records: readonly JournalRecord[], cuts: readonly number[]): Snapshot[] {
  let from = 0;
  return cuts.map((cut) => {
    const since = new SinceSnapshot();
    for (const record of records.slice(from, cut)) since.add(record);
    from = cut;
    return throughJson(since.take(replay(CONFIG, records.slice(0, cut), LAST)));
  });
}

function expectSame(records: readonly JournalRecord[], cuts: readonly number[]): void {
  const rest = records.slice(cuts.at(-1) ?? 0);
  const state = replay(CONFIG, rest, LAST, snapshotsAt(records, cuts));
  checkInvariants(state);
  const whole = replay(CONFIG, records, LAST);
  expect(durableFacts(state)).toEqual(durableFacts(whole));
  expect(state.files).toEqual(whole.files);
  expect(state.rows).toEqual(whole.rows);
  expect(committed(state)).toEqual(committed(whole));
}

function committed({ shards }: ReturnType<typeof replay>) {
  return shards.map(({ state }) => (state.kind === "committed" ? state.partial : null));
}

/** Returns the records of a world with nearly every fault. */
function history(seed: readonly number[]): JournalRecord[] {
  let at = 0;
  const pick = (below: number) => {
    at += 1;
    return ((seed[at % seed.length] ?? 0) + at * 7919) % below;
  };
  const world = new World(pick, CONFIG, 1 + pick(5), 1 + pick(4));
  const acts = [
    () => world.join(),
    () => world.request(),
    () => world.request(),
    () => world.finish(),
    () => world.finish(),
    () => world.deliver(),
    () => world.deliver(),
    () => world.deliver(),
    () => world.answerVerify(),
    () => world.answerVerify(),
    () => world.sendFailure(),
    () => world.loseWorker(),
    () => world.wait(),
    () => world.damageFile(),
    () => world.answerReduce(),
    () => world.crash(),
    () => world.steer(),
  ];
  for (let step = 0; step < 100; step += 1) acts[pick(acts.length)]?.();
  world.heal();
  for (let round = 0; round < 20 && !world.ended; round += 1) world.healthyRound();
  return world.job.records.map(asWorkersNameThem);
}

/** Gives a record realistic execution ids and digests, because the columns accept no others. */
function asWorkersNameThem(record: JournalRecord): JournalRecord {
  if (record.kind === "shardRevoked") return { ...record, digest: sha256(record.digest) };
  if (record.kind !== "shardCommitted") return record;
  const { executionId, digest, files } = record.partial;
  return {
    ...record,
    partial: {
      ...record.partial,
      executionId: asExecutionId(sha256(executionId).slice(0, 16)),
      digest: sha256(digest),
      files: files.map((file) => ({ ...file, sha256: sha256(file.sha256) })),
    },
  };
}

describe("snapshots and later records", () => {
  test("any number of snapshots and the later records restore the same state as all records", () => {
    const kinds = new Set<string>();
    const anyHistory = fc.record({
      seed: fc.array(fc.nat({ max: 0xffff }), { minLength: 40, maxLength: 120, size: "max" }),
      shares: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(anyHistory, ({ seed, shares }) => {
        const records = history(seed);
        for (const { kind } of records) kinds.add(kind);
        const cuts = shares.map((share) => Math.round(share * records.length)).sort((a, b) => a - b);
        expectSame(records, cuts);
      }),
      { numRuns: 100 },
    );
    const seen = ["shardCommitted", "attemptEnded", "shardRevoked", "generationStarted"];
    expect([...kinds]).toEqual(expect.arrayContaining(seen));
  });

  test("the halves of a shard that crashes its workers are restored, down to the row", () => {
    const job = TestJob.running(aPlan(2, 4), CONFIG);
    for (let round = 0; round < 60 && job.state.phase.kind === "running"; round += 1) {
      job.nowMs += 60_000;
      const worker = job.join(`w${round}`, 1);
      const granted = job.apply({ kind: "leaseRequested", worker }).find(({ kind }) => kind === "grant");
      if (granted?.kind !== "grant") continue;
      const { shard, token } = granted;
      if (shard.rowEnd > 3 && shard.rowStart <= 3) {
        job.apply({ kind: "workerLost", worker, how: "exited", message: "killed" });
        continue;
      }
      const partial = aPartial(shard, token);
      job.apply({ kind: "partialOffered", worker, partial });
      job.apply({ kind: "partialStored", shard: shard.id, token, executionId: partial.executionId });
    }
    expect(job.state.phase.kind).toBe("reducing");
    expect(job.state.counts).toMatchObject({ split: 2, poisoned: 1 });
    const records = job.records.map(asWorkersNameThem);
    for (let cut = 0; cut <= records.length; cut += 1) {
      expectSame(records, [cut]);
      expectSame(records, [cut >> 1, cut]);
    }
  });

  test("failures of the previous run are removed, as in a replay of all records", () => {
    const job = TestJob.running(aPlan(3), CONFIG);
    const worker = job.join("anna", 8);
    for (const effect of [
      ...job.apply({ kind: "leaseRequested", worker }),
      ...job.apply({ kind: "leaseRequested", worker }),
    ]) {
      if (effect.kind !== "grant") continue;
      const { shard, token } = effect;
      if (shard.id === 0) {
        job.apply({ kind: "attemptFailed", worker, shard: shard.id, token, reason: aReason("MODEL_FAILED") });
      } else {
        const partial = aPartial(shard, token);
        job.apply({ kind: "partialOffered", worker, partial });
        job.apply({ kind: "partialStored", shard: shard.id, token, executionId: partial.executionId });
      }
    }
    job.apply({ kind: "jobBroken", reason: aReason("OUTPUT_FAILED") });
    const records: JournalRecord[] = [...job.records, { kind: "jobRevived", jobId: aJobId("j2") }];
    const failed = replay(CONFIG, job.records, LAST).shards.filter(({ failures }) => failures.length > 0);
    expect(failed).toHaveLength(1);
    for (let cut = 0; cut <= records.length; cut += 1) {
      expectSame(records, [cut]);
      expectSame(records, [cut, records.length]);
    }
  });
});

test("a shard committed at its first attempt is stored in columns, and other shards separately", () => {
  const job = TestJob.running(aPlan(2), CONFIG);
  const worker = job.join("anna", 8);
  const [grant] = job.apply({ kind: "leaseRequested", worker }).filter((effect) => effect.kind === "grant");
  if (grant === undefined) throw new Error("no lease");
  const partial = {
    ...aPartial(grant.shard, grant.token),
    executionId: asExecutionId("0123456789abcdef"),
    digest: aDigest("d".repeat(64)),
  };
  job.apply({ kind: "partialOffered", worker, partial });
  const { shard, token, executionId } = partial;
  job.apply({ kind: "partialStored", shard, token, executionId });
  job.apply({ kind: "leaseRequested", worker });
  const [{ blocks }] = snapshotsAt(job.records, [job.records.length]) as [Snapshot];
  expect([...blocks]).toMatchObject([
    { kind: "committed", columns: { shard: [0] } },
    { kind: "others", shards: [{ shard: { id: 1 }, outcome: { kind: "open" } }] },
  ]);
});

test("a job that failed while planning and was started again is restored with its plan", () => {
  const { records: planned } = TestJob.running(aPlan(3), CONFIG);
  const [accepted, sealed] = [
    planned.find(({ kind }) => kind === "jobAccepted"),
    planned.find(({ kind }) => kind === "planSealed"),
  ];
  if (accepted === undefined || sealed === undefined) throw new Error("no plan");
  const failed: JournalRecord = { kind: "jobFailed", reason: aReason("OUTPUT_FAILED") };
  const records: JournalRecord[] = [accepted, failed, { kind: "jobRevived", jobId: aJobId("j2") }, sealed];
  expectSame(records, [2, 4]);
  expectSame(records, [1, 3]);
});

test("a snapshot has the state at the time it was taken, however late its blocks are made", () => {
  const job = TestJob.running(aPlan(2), CONFIG);
  const since = SinceSnapshot.of(job.records);
  const worker = job.join("anna", 8);
  const late = since.take(job.state);
  const before = replay(CONFIG, job.records, LAST);
  const [grant] = job.apply({ kind: "leaseRequested", worker }).filter((effect) => effect.kind === "grant");
  if (grant === undefined) throw new Error("no lease");
  const { shard, token } = grant;
  job.apply({ kind: "attemptFailed", worker, shard: shard.id, token, reason: aReason("MODEL_FAILED") });
  expect(durableFacts(replay(CONFIG, [], LAST, [throughJson(late)]))).toEqual(durableFacts(before));
});
