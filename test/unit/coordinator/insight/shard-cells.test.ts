import { expect, test } from "vitest";
import { shardCells } from "../../../../coordinator/insight/shard-cells.ts";
import { aConfig, aPartial, aPlan, aReason, TestJob } from "../schedule/harness.ts";

test("each shard is one byte with its state, and marks for failures and dead letters", () => {
  const job = TestJob.running(aPlan(5, 10), aConfig({ maxDeadLetters: 9 }));
  const worker = job.join("a", 9);
  const dead = { file: "a", row: 1, stage: "infer", code: "ROW_FAILED", message: "" } as const;
  job.commit(worker, { rowsDeadLettered: 1, rowsMapped: 9, rowsOut: 9, firstDeadLetter: dead });
  const offered = job.grant(worker);
  job.offer(worker, aPartial(offered.shard, offered.token));
  job.grant(worker);
  job.fail(job.grant(worker), aReason("MODEL_FAILED"));
  expect([...shardCells(job.state)]).toEqual([3 + 32, 2, 1, 0 + 8, 0]);
});

test("a shard with a backup has a mark until one of its leases ends", () => {
  const job = TestJob.running(aPlan(2, 10), aConfig({ leaseMs: 10_000_000 }));
  const slow = job.grant(job.join("slow"));
  job.commit(job.join("fast"));
  job.nowMs += 60_000;
  const backup = job.grant(job.join("idle"));
  expect(backup.shard).toEqual(slow.shard);
  expect([...shardCells(job.state)]).toEqual([1 + 16, 3]);
  job.release(slow);
  expect([...shardCells(job.state)]).toEqual([1, 3]);
});

test("a split shard is shown as its halves, at its place in the plan", () => {
  const job = TestJob.running(aPlan(2, 10), aConfig({ maxDeadLetters: 20 }));
  const sound = job.join("sound", 1);
  for (let at = 0; job.state.counts.split === 0 && at < 9; at += 1) {
    const doomed = job.join(`doomed-${at}`, 1);
    job.grant(doomed);
    if (at === 0) job.commit(sound);
    job.lose(doomed);
    job.tickAfter(60_000);
  }
  expect([...shardCells(job.state)]).toEqual([8, 8, 3]);
});
