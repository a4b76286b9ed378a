import { describe, expect, test } from "vitest";
import { aConfig, aPartial, aPlan, kinds, only, outcomeOf, TestJob } from "../harness.ts";

describe("invalid partials", () => {
  const letter = { file: "a.parquet", row: 3, stage: "infer", code: "ROW_FAILED", message: "nan" } as const;
  test.each([
    ["another number of input rows than the shard's", { rowsIn: 9, rowsOut: 9 }],
    ["rows that do not add up", { rowsOut: 8 }],
    ["a dead row that is not named", { rowsOut: 9, rowsDeadLettered: 1 }],
    ["a named row that is not dead", { firstDeadLetter: letter }],
    ["a count that is not a number", { rowsIn: Number.NaN }],
    ["a filtered row too many", { rowsFiltered: 1 }],
    ["a filtered row that is also an output row", { rowsMapped: 9, rowsFiltered: 2 }],
    ["fewer output rows than mapped rows", { rowsMapped: 10, rowsOut: 9 }],
    ["more truncated rows than mapped rows", { rowsTruncated: 11 }],
    ["output rows without mapped rows", { rowsMapped: 0, rowsFiltered: 10 }],
    ["a negative count", { rowsOut: 11, rowsDeadLettered: -1 }],
  ])("a partial with %s is refused, discarded and counted as failed", (_, changes) => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const effects = job.offer(worker, aPartial(shard, token, changes));
    expect(outcomeOf(effects)).toBe("PARTIAL_INVALID");
    expect(kinds(effects)).toContain("discard");
    expect(job.state.totals.attemptsFailed).toBe(1);
    expect(job.stateOf(0)).toBe("pending");
  });

  test("the shard of a rejected partial runs again after a back-off, and its token is revoked", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    const { shard, token } = job.grant(worker);
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    const effects = job.rejected(partial);
    expect(outcomeOf(effects)).toBe("PARTIAL_INVALID");
    expect(kinds(effects)).toContain("discard");
    expect(job.noLease(worker)).toMatchObject({ why: "backingOff", retryAtMs: job.nowMs + 500 });
    expect(outcomeOf(job.offer(worker, partial))).toBe("LEASE_STALE");
  });

  test("rejected partials count as failures, and fail the job at the limit", () => {
    const job = TestJob.running(aPlan(1));
    const worker = job.join("w1");
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { shard, token } = job.grant(worker);
      const partial = aPartial(shard, token);
      job.offer(worker, partial);
      job.rejected(partial);
      job.nowMs += 60_000;
    }
    expect(job.failure).toMatchObject({ code: "SHARD_FAILED", fields: { code: "PARTIAL_INVALID" } });
  });
});

describe("dead letters", () => {
  const letter = (row: number) =>
    ({ file: "a.parquet", row, stage: "infer", code: "ROW_FAILED", message: "nan" }) as const;

  test("a partial with dead rows within the limit is committed", () => {
    const job = TestJob.running(aPlan(1), aConfig({ maxDeadLetters: 1 }));
    job.commit(job.join("w1"), { rowsOut: 9, rowsDeadLettered: 1, firstDeadLetter: letter(3) });
    expect(job.state.phase.kind).toBe("reducing");
  });

  test("dead rows beyond the limit fail the job with the first row in plan order", () => {
    const job = TestJob.running(aPlan(3), aConfig({ maxDeadLetters: 1 }));
    const worker = job.join("w1");
    const [first, second] = [job.grant(worker), job.grant(worker)];
    const later = aPartial(second.shard, second.token, {
      rowsOut: 9,
      rowsDeadLettered: 1,
      firstDeadLetter: letter(15),
    });
    job.offer(worker, later);
    job.stored(later);
    const earlier = aPartial(first.shard, first.token, {
      rowsOut: 8,
      rowsDeadLettered: 2,
      firstDeadLetter: letter(3),
    });
    job.offer(worker, earlier);
    const effects = job.stored(earlier);
    expect(outcomeOf(effects)).toBe("committed");
    expect(only(effects, "jobEnded").reason).toMatchObject({
      code: "ERROR_BUDGET_EXCEEDED",
      fields: { deadLetters: 3, maxDeadLetters: 1, file: "a.parquet", row: 3, code: "ROW_FAILED" },
    });
  });
});
