import { expect, test } from "vitest";
import { shardId } from "../../../../../shared/domain/shard.ts";
import { aPlan, only, TestJob } from "../harness.ts";

test("a shard that a worker already runs is assigned to it first, unless another worker holds it", () => {
  const job = TestJob.running(aPlan(5));
  const [one, other] = [job.join("w1", 4), job.join("w2", 4)];
  const ask = (running: readonly number[]) =>
    only(job.apply({ kind: "leaseRequested", worker: one, running: running.map(shardId) }), "grant");
  expect(ask([3, 2]).shard.id).toBe(3);
  expect(ask([3, 2]).shard.id).toBe(2);
  expect([job.grant(other), job.grant(other)].map(({ shard }) => shard.id)).toEqual([0, 1]);
  expect(ask([0, 99, 2]).shard.id).toBe(4);
  expect(job.noLease(other)).toMatchObject({ why: "nothingPending" });
});
