import { totalmem } from "node:os";
import { expect, test } from "vitest";
import {
  fetchedBytesOf,
  leaseSlotCount,
  shardThreadCount,
  stepThreadCount,
} from "../../../../worker/pipeline/thread-counts.ts";

test("a CPU's lanes are fed by one thread, a GPU's by half of its cores, four at most", () => {
  const plan = (device: "cpu" | "cuda", cores: number) =>
    shardThreadCount({ device, cores, requested: "auto" });
  expect([1, 2, 64].map((cores) => plan("cpu", cores))).toEqual([1, 1, 1]);
  expect([1, 2, 3, 4, 8, 64].map((cores) => plan("cuda", cores))).toEqual([1, 1, 1, 2, 4, 4]);
});

test("a number that was asked for is taken", () => {
  expect(shardThreadCount({ device: "cpu", cores: 2, requested: 3 })).toBe(3);
});

test("one thread holds a shard that it reads, one that is written and one prefetched; more threads two each and one", () => {
  expect([1, 2, 4].map(leaseSlotCount)).toEqual([3, 5, 9]);
});

test("the steps of a stage have half of the cores, shared out among the shard threads: one at least, sixteen at most", () => {
  expect([1, 2, 4, 8, 64].map((cores) => stepThreadCount(cores, 1))).toEqual([1, 1, 2, 4, 16]);
  expect([2, 8, 16, 64].map((cores) => stepThreadCount(cores, 4))).toEqual([1, 1, 2, 8]);
});

test("shard threads share what a worker may fetch ahead, and none has more than is of use", () => {
  expect(fetchedBytesOf(1)).toBeLessThanOrEqual(512 << 20);
  for (const threads of [1, 16, 64]) {
    expect(fetchedBytesOf(threads)).toBeGreaterThan(0);
    expect(threads * fetchedBytesOf(threads)).toBeLessThanOrEqual(totalmem() / 16);
  }
});
