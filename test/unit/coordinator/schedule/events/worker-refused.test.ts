import { expect, test } from "vitest";
import { aPlan, only, TestJob } from "../harness.ts";

test("workers that are all refused fail the job with why, after a grace; one that may work stops that", () => {
  const reason = { code: "DEVICE_WRONG", message: "row 5 is wrong", fields: {} } as const;
  const job = TestJob.running(aPlan(1));
  const wrong = job.join("w1");
  job.grant(wrong);
  job.apply({ kind: "workerRefused", worker: wrong, reason });
  expect(job.state.counts).toMatchObject({ pending: 1, leased: 0 });
  job.tickAfter(0);
  job.tickAfter(29_999);
  expect(job.state.phase.kind).toBe("running");
  const right = job.join("w2");
  job.tickAfter(60_000);
  job.grant(right);
  job.apply({ kind: "workerRefused", worker: right, reason });
  job.tickAfter(0);
  const effects = job.tickAfter(30_000);
  expect(only(effects, "jobEnded").reason).toEqual(reason);
  expect(job.state.totals.attemptsFailed).toBe(0);
});

test("a worker that may work, and is gone for a while, is waited for as if nobody had been refused", () => {
  const job = TestJob.running(aPlan(1));
  const right = job.join("right");
  const wrong = job.join("wrong");
  job.apply({
    kind: "workerRefused",
    worker: wrong,
    reason: { code: "DEVICE_WRONG", message: "row 5 is wrong", fields: {} },
  });
  job.apply({ kind: "workerLost", worker: right, how: "died", message: "its node is started again" });
  job.tickAfter(60_000);
  expect(job.state.phase.kind).toBe("running");
});
