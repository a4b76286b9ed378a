import { describe, expect, test } from "vitest";
import { poisonedRows } from "../../../../../coordinator/schedule/state/progress.ts";
import type { WorkerSession } from "../../../../../shared/domain/worker.ts";
import { aJobId } from "../../../../support/ids.ts";
import {
  aConfig,
  aPartial,
  aPlan,
  aReason,
  DIGESTS,
  type Granted,
  kinds,
  only,
  TestJob,
} from "../harness.ts";

/** Kills the worker during the lease, and restarts it as its supervisor would. */
function die(job: TestJob, { worker }: Granted, name: string): WorkerSession {
  job.lose(worker, "exited");
  job.nowMs += 60_000;
  return job.join(name);
}

function killShard(job: TestJob, names: readonly string[]): void {
  for (const name of names) die(job, job.grant(job.join(name)), name);
}

describe("a shard that crashes its workers", () => {
  test("the shard is split durably into two pending halves", () => {
    const job = TestJob.running(aPlan(1, 9), aConfig({ maxDeadLetters: 1 }));
    killShard(job, ["w1", "w2"]);
    const last = job.grant(job.join("w3"));
    const effects = job.lose(last.worker);
    expect(kinds(effects)).toEqual(["append attemptEnded", "append shardSplit", "wake"]);
    expect(effects[1]).toMatchObject({ durable: true, record: { shard: 0, atRow: 4, into: [1, 2] } });
    expect([job.stateOf(0), job.stateOf(1), job.stateOf(2)]).toEqual(["split", "pending", "pending"]);
    expect(job.grant(job.join("w4")).shard).toMatchObject({ id: 1, rowStart: 0, rowEnd: 4 });
  });

  test("the shard is split, too, if there is only one worker", () => {
    const job = TestJob.running(aPlan(1, 4));
    let worker = job.join("w1");
    for (let death = 0; death < 3; death += 1) {
      job.grant(worker);
      job.lose(worker);
      job.nowMs += 60_000;
      worker = job.join("w1");
    }
    expect(job.stateOf(0)).toBe("split");
  });

  test("a partial of a split shard is refused", () => {
    const job = TestJob.running(aPlan(1, 4), aConfig({ maxAttempts: 2 }));
    const late = job.grant(job.join("w0"));
    job.tickAfter(30_000);
    killShard(job, ["w1", "w2"]);
    expect(job.stateOf(0)).toBe("split");
    const effects = job.offer(late.worker, aPartial(late.shard, late.token));
    expect(only(effects, "settleOffer").outcome).toMatchObject({ reason: { code: "LEASE_STALE" } });
    expect(kinds(effects)).toContain("discard");
  });

  test("a shard with crashes and another failure fails the job", () => {
    const job = TestJob.running(aPlan(1, 4));
    killShard(job, ["w1", "w2"]);
    job.fail(job.grant(job.join("w3")), aReason("MODEL_FAILED"));
    expect(job.failure).toMatchObject({ code: "SHARD_FAILED" });
  });

  test("a shard without rows that crashes its workers fails the job", () => {
    const job = TestJob.running(aPlan(1, 0), aConfig({ maxDeadLetters: 9 }));
    killShard(job, ["w1", "w2", "w3"]);
    expect(job.failure).toMatchObject({ code: "SHARD_FAILED", fields: { code: "WORKER_LOST" } });
  });

  test("an attempt that fails with WORKER_LOST counts as a crash", () => {
    const job = TestJob.running(aPlan(1, 4), aConfig({ maxAttempts: 1 }));
    job.fail(job.grant(job.join("w1")), aReason("WORKER_LOST", "exit 139"));
    expect(job.stateOf(0)).toBe("split");
  });
});

describe("a single row that crashes its workers", () => {
  test("the row is dead-lettered within the limit, and the rest of the job continues", () => {
    const job = TestJob.running(aPlan(2, 1), aConfig({ maxDeadLetters: 1 }));
    killShard(job, ["w1", "w2", "w3"]);
    expect(job.stateOf(0)).toBe("poisoned");
    expect(poisonedRows(job.state)).toMatchObject([
      { file: "a.parquet", row: 0, stage: "worker", code: "ROW_POISON" },
    ]);
    job.commit(job.join("w4"));
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("the row fails the job, which names it, if no dead letter is allowed", () => {
    const job = TestJob.running(aPlan(1, 1));
    killShard(job, ["w1", "w2"]);
    const effects = job.lose(job.grant(job.join("w3")).worker);
    expect(kinds(effects)).toEqual(["append attemptEnded", "append jobFailed", "jobEnded"]);
    expect(only(effects, "jobEnded").reason).toMatchObject({
      code: "ERROR_BUDGET_EXCEEDED",
      fields: { file: "a.parquet", row: 0, code: "ROW_POISON", maxDeadLetters: 0 },
    });
  });

  test("the row as the last open shard starts the reduce", () => {
    const job = TestJob.running(aPlan(1, 1), aConfig({ maxDeadLetters: 1 }));
    killShard(job, ["w1", "w2"]);
    const effects = job.lose(job.grant(job.join("w3")).worker);
    expect(kinds(effects)).toEqual(["append attemptEnded", "append rowDeadLettered", "startReduce"]);
  });

  test("the dead letter names the file of the row, though the shard spans several files", () => {
    const files = ["/a", "/b", "/empty", "/c"].map((path) => ({ path, rows: path === "/empty" ? 0 : 3 }));
    const job = new TestJob(aConfig({ maxDeadLetters: 1 }));
    job.apply({ kind: "jobAccepted", jobId: aJobId("j1"), name: "digits", digests: DIGESTS });
    job.apply({ kind: "planSealed", files, shards: aPlan(1, 9) });
    const poison = 7;
    for (let step = 0; step < 100 && job.state.phase.kind === "running"; step += 1) {
      const lease = job.grant(job.join(`w${step % 3}`));
      const { shard, token, worker } = lease;
      const deadly = shard.rowStart <= poison && poison < shard.rowEnd;
      if (!deadly) {
        const partial = aPartial(shard, token);
        job.offer(worker, partial);
        job.stored(partial);
      }
      job.lose(worker, deadly ? "exited" : "left");
      job.nowMs += 60_000;
    }
    expect(poisonedRows(job.state)).toMatchObject([{ file: "/c", row: 1, code: "ROW_POISON" }]);
  });

  test("the row is found among a thousand, and no other row is dead-lettered", () => {
    const job = TestJob.running(aPlan(4, 250), aConfig({ maxDeadLetters: 3 }));
    const poison = 617;
    let deaths = 0;
    for (let step = 0; step < 2000 && job.state.phase.kind === "running"; step += 1) {
      const worker = job.join(`w${step % 3}`);
      const leases = [job.request(worker), job.request(worker)].flatMap((effects) =>
        effects.filter((effect) => effect.kind === "grant"),
      );
      const deadly = leases.some(({ shard }) => shard.rowStart <= poison && poison < shard.rowEnd);
      if (deadly) deaths += 1;
      for (const { shard, token } of deadly ? [] : leases) {
        const partial = aPartial(shard, token);
        job.offer(worker, partial);
        job.stored(partial);
      }
      job.lose(worker, deadly ? "exited" : "left");
      job.nowMs += 60_000;
    }
    expect(job.state.phase.kind).toBe("reducing");
    expect(poisonedRows(job.state).map(({ row }) => row)).toEqual([poison]);
    expect(deaths).toBeLessThanOrEqual(3 * 9);
  });
});
