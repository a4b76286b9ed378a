import { describe, expect, test } from "vitest";
import { aDigest } from "../../../../support/ids.ts";
import { aConfig, aPartial, aPlan, kinds, only, outcomeOf, TestJob } from "../harness.ts";

describe("committing", () => {
  test("an offer is verified first, and acknowledged after its durable record", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const partial = aPartial(shard, token);
    expect(kinds(job.offer(worker, partial))).toEqual(["verify", "wake"]);
    expect(job.stateOf(0)).toBe("committing");
    const effects = job.stored(partial);
    expect(effects).toMatchObject([
      { kind: "append", durable: true, record: { kind: "shardCommitted" } },
      { kind: "settleOffer", outcome: { kind: "committed" } },
    ]);
  });

  test("the last commit starts the reduce", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    expect(kinds(job.stored(partial))).toEqual(["append shardCommitted", "settleOffer", "startReduce"]);
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("a committed partial that is offered again is acknowledged again, and nothing is deleted", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const partial = job.commit(worker);
    const effects = job.offer(worker, partial);
    expect(kinds(effects)).toEqual(["settleOffer"]);
    expect(outcomeOf(effects)).toBe("committed");
  });

  test("an offer sent twice while it is verified gets one response", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    expect(job.offer(worker, partial)).toEqual([]);
    expect(outcomeOf(job.stored(partial))).toBe("committed");
  });

  test("another manifest under the committed name is refused, and the committed files stay", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const partial = job.commit(worker);
    const effects = job.offer(worker, { ...partial, digest: aDigest("other") });
    expect(kinds(effects)).toEqual(["settleOffer"]);
    expect(outcomeOf(effects)).toBe("PARTIAL_INVALID");
  });

  test("an offer frees the slot of its worker, and the heartbeat does not report the lease as lost", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1", 1);
    const lease = job.grant(worker);
    job.offer(worker, aPartial(lease.shard, lease.token));
    expect(job.beat(worker, lease)).toEqual([true]);
    expect(job.grant(worker).shard.id).toBe(1);
  });

  test("a repeated result of the verification changes nothing", () => {
    const job = TestJob.running(aPlan(2));
    const partial = job.commit(job.join("w1"));
    expect(job.stored(partial)).toEqual([]);
  });
});

describe("late offers", () => {
  test("a partial with an expired lease is accepted while its shard is open", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    job.tickAfter(30_000);
    const partial = aPartial(shard, token);
    expect(kinds(job.offer(worker, partial))).toEqual(["verify"]);
    job.stored(partial);
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("a late partial commits before the lease that replaced it, and the heartbeat ends that lease", () => {
    const job = TestJob.running(aPlan(2));
    const [first, second] = [job.join("w1"), job.join("w2")];
    const old = job.grant(first);
    job.tickAfter(30_000);
    const replacement = job.grant(second);
    expect(replacement.shard.id).toBe(old.shard.id);
    const late = aPartial(old.shard, old.token);
    job.offer(first, late);
    expect(job.beat(second, replacement)).toEqual([true]);
    const effects = job.stored(late);
    expect(kinds(effects)).toContain("append attemptEnded");
    expect(job.beat(second, replacement)).toEqual([false]);
    const lost = aPartial(replacement.shard, replacement.token);
    const answer = job.offer(second, lost);
    expect(outcomeOf(answer)).toBe("alreadyCommitted");
    expect(only(answer, "discard").partial).toEqual(lost);
  });

  test("a partial of an earlier coordinator is accepted, though its grant was never recorded", () => {
    const job = TestJob.running(aPlan(1));
    const sealed = [...job.records];
    const { shard, token } = job.grant(job.join("w1"));
    job.restart(sealed);
    const again = job.join("w1");
    const partial = aPartial(shard, token);
    expect(kinds(job.offer(again, partial))).toEqual(["verify"]);
    job.stored(partial);
    expect(job.state.phase.kind).toBe("reducing");
  });

  test.each(["failed", "released"] as const)("the token of a %s attempt is revoked", (how) => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const lease = job.grant(worker);
    if (how === "failed") job.fail(lease);
    else job.release(lease);
    const effects = job.offer(worker, aPartial(lease.shard, lease.token));
    expect(kinds(effects)).toEqual(["settleOffer", "discard"]);
    expect(outcomeOf(effects)).toBe("LEASE_STALE");
    expect(job.stateOf(0)).toBe("pending");
  });

  test("a token that was never granted, or for another shard, is refused", () => {
    const job = TestJob.running(aPlan(2));
    const worker = job.join("w1");
    const { token } = job.grant(worker);
    const [first, second] = aPlan(2);
    if (first === undefined || second === undefined) throw new Error("no plan");
    expect(outcomeOf(job.offer(worker, aPartial(first, { generation: 1, sequence: 99 })))).toBe(
      "LEASE_STALE",
    );
    expect(outcomeOf(job.offer(worker, aPartial(first, { generation: 2, sequence: 1 })))).toBe("LEASE_STALE");
    expect(outcomeOf(job.offer(worker, aPartial(second, token)))).toBe("LEASE_STALE");
    expect(outcomeOf(job.offer(worker, aPartial({ ...first, id: 7 as typeof first.id }, token)))).toBe(
      "LEASE_STALE",
    );
    expect([job.stateOf(0), job.stateOf(1)]).toEqual(["leased", "pending"]);
  });
});

describe("two offers of one shard", () => {
  function raced() {
    const job = TestJob.running(aPlan(2), aConfig({ maxAttempts: 5 }));
    const [first, second] = [job.join("w1"), job.join("w2")];
    const old = job.grant(first);
    job.tickAfter(30_000);
    const replacement = job.grant(second);
    const [early, late] = [aPartial(old.shard, old.token), aPartial(replacement.shard, replacement.token)];
    job.offer(first, early);
    expect(job.offer(second, late).filter(({ kind }) => kind === "verify")).toEqual([]);
    return { job, early, late, second, replacement };
  }

  test("if the first offer is stored, the second is discarded as already committed", () => {
    const { job, early, late } = raced();
    const effects = job.stored(early);
    expect(effects.filter(({ kind }) => kind === "settleOffer")).toMatchObject([
      { executionId: early.executionId, outcome: { kind: "committed" } },
      { executionId: late.executionId, outcome: { kind: "alreadyCommitted" } },
    ]);
    expect(only(effects, "discard").partial).toBe(late);
  });

  test("if the first offer is rejected, the second is verified and committed", () => {
    const { job, early, late } = raced();
    const effects = job.rejected(early);
    expect(only(effects, "verify").partial).toBe(late);
    expect(outcomeOf(effects)).toBe("PARTIAL_INVALID");
    job.stored(late);
    expect(job.stateOf(0)).toBe("committed");
  });

  test("the heartbeat of the waiting worker does not report its lease as lost", () => {
    const { job, second, replacement } = raced();
    expect(job.beat(second, replacement)).toEqual([true]);
  });

  test("above the limit of waiting offers, the next gets RESOURCE_EXHAUSTED and keeps its files", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const answers = Array.from({ length: 5 }, () => {
      const { shard, token } = job.grant(worker);
      job.tickAfter(30_000);
      return aPartial(shard, token);
    }).map((partial) => job.offer(worker, partial));
    expect(answers.slice(0, 4).map(kinds)).toEqual([["verify"], [], [], []]);
    expect(kinds(answers[4] ?? [])).toEqual(["settleOffer"]);
    expect(outcomeOf(answers[4] ?? [])).toBe("RESOURCE_EXHAUSTED");
  });
});

describe("an offer that is being verified", () => {
  test("the loss of a worker with another lease of the shard does not end the verification", () => {
    const job = TestJob.running(aPlan(2), aConfig({ maxAttempts: 1, maxDeadLetters: 5 }));
    const [first, second] = [job.join("w1"), job.join("w2")];
    const old = job.grant(first);
    job.tickAfter(30_000);
    job.grant(second);
    const late = aPartial(old.shard, old.token);
    job.offer(first, late);
    job.lose(second);
    expect(job.stateOf(0)).toBe("committing");
    job.stored(late);
    expect(job.stateOf(0)).toBe("committed");
  });

  test("an offer is committed, though its worker is lost meanwhile", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    job.lose(worker);
    expect(job.state.totals.attemptsFailed).toBe(0);
    job.stored(partial);
    expect(job.state.phase.kind).toBe("reducing");
  });
});

test("an offer with a stale session changes nothing", () => {
  const job = TestJob.running(aPlan(1));
  const worker = job.join("w1");
  const lease = job.grant(worker);
  job.lose(worker);
  const partial = aPartial(lease.shard, lease.token);
  expect(outcomeOf(job.offer(worker, partial))).toBe("SESSION_STALE");
  const again = job.join("w1");
  job.offer(again, partial);
  job.stored(partial);
  expect(job.state.phase.kind).toBe("reducing");
});
