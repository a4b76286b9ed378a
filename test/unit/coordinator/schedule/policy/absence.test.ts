import { describe, expect, test } from "vitest";
import { absenceOf } from "../../../../../coordinator/schedule/policy/absence.ts";
import { DEFAULT_SCHEDULE } from "../../../../../coordinator/schedule/state/config.ts";
import type { Law } from "../../../../../shared/domain/laws.ts";
import { aConfig, aPlan, TestJob } from "../harness.ts";

const { leaseMs, workerLostMs, disconnectGraceMs } = DEFAULT_SCHEDULE;

describe("silence-is-not-loss" satisfies Law, () => {
  const judged = (heardMs: number, disconnectedMs: number | null, nowMs: number) =>
    absenceOf({ heardMs, disconnectedMs }, DEFAULT_SCHEDULE, nowMs)?.how ?? "here";

  test("a worker that is silent for longer than a lease is kept, and is lost after `workerLostMs`", () => {
    expect(judged(0, null, leaseMs + 1)).toBe("here");
    expect(judged(0, null, workerLostMs)).toBe("here");
    expect(judged(0, null, workerLostMs + 1)).toBe("silent");
  });

  test("a worker whose connection broke is lost after the grace time, unless it called again", () => {
    expect(judged(0, 1_000, 1_000 + disconnectGraceMs)).toBe("here");
    expect(judged(0, 1_000, 1_001 + disconnectGraceMs)).toBe("exited");
    expect(judged(2_000, null, 1_001 + disconnectGraceMs)).toBe("here");
  });

  test("the lease of a silent worker expires first, then the worker is lost, and neither is a failure", () => {
    const job = TestJob.running(aPlan(2), aConfig({ noWorkersGraceMs: 5_000 }));
    const worker = job.join("w1");
    job.grant(worker);
    job.tickAfter(leaseMs);
    expect(job.state.workers.has(worker)).toBe(true);
    expect(job.state.shards[0]?.state.kind).toBe("pending");
    job.lose(worker, "silent");
    expect(job.state.workers.size).toBe(0);
    expect(job.state.totals.attemptsFailed).toBe(0);
    expect(job.state.reputations.size).toBe(0);
    // From here on no worker is present: the job's own grace begins.
    job.tickAfter(4_999);
    expect(job.state.phase.kind).toBe("running");
    job.tickAfter(1);
    expect(job.failure?.code).toBe("NO_WORKERS");
  });

  test("a lease of a silent worker is not counted as a failure, and a lease of a crashed worker is", () => {
    for (const how of ["silent", "exited"] as const) {
      const job = TestJob.running(aPlan(2));
      const worker = job.join("w1");
      job.grant(worker);
      job.lose(worker, how);
      expect(job.state.totals.attemptsFailed).toBe(how === "exited" ? 1 : 0);
      expect(job.state.shards[0]?.state.kind).toBe("pending");
      expect(job.state.reputations.size).toBe(how === "exited" ? 1 : 0);
    }
  });
});
