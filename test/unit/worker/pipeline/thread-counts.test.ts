import { totalmem } from "node:os";
import { expect, test } from "vitest";
import {
  fetchedBytesOf,
  leaseSlotCount,
  shardThreadCount,
  stepThreadCount,
  taskSlotCount,
} from "../../../../worker/pipeline/thread-counts.ts";

test("one shard thread feeds a CPU, and half of the cores, at most four, feed a GPU or no model", () => {
  const plan = (device: "cpu" | "cuda" | null, cores: number) =>
    shardThreadCount({ device, cores, requested: "auto" });
  expect([1, 2, 64].map((cores) => plan("cpu", cores))).toEqual([1, 1, 1]);
  for (const device of ["cuda", null] as const)
    expect([1, 2, 3, 4, 8, 64].map((cores) => plan(device, cores))).toEqual([1, 1, 1, 2, 4, 4]);
});

test("a requested number of shard threads is used", () => {
  expect(shardThreadCount({ device: "cpu", cores: 2, requested: 3 })).toBe(3);
});

test("a worker holds two leases for each shard thread and one more", () => {
  expect([1, 2, 4].map(leaseSlotCount)).toEqual([3, 5, 9]);
});

test("a worker runs a task on each core, in at most half of the memory", () => {
  expect(taskSlotCount(1)).toBe(1);
  expect(taskSlotCount(2)).toBeLessThanOrEqual(2);
  expect(taskSlotCount(100_000)).toBe(Math.max(1, taskSlotCount(99_999)));
  expect(taskSlotCount(100_000) * Math.min(2 ** 30, totalmem() / 4)).toBeLessThanOrEqual(totalmem() / 2);
});

test("shard threads share half of the cores for the steps of a stage, one to sixteen threads each", () => {
  expect([1, 2, 4, 8, 64].map((cores) => stepThreadCount(cores, 1))).toEqual([1, 1, 2, 4, 16]);
  expect([2, 8, 16, 64].map((cores) => stepThreadCount(cores, 4))).toEqual([1, 1, 2, 8]);
});

test("shard threads share a sixteenth of the memory to fetch ahead, each at most 512 MiB", () => {
  expect(fetchedBytesOf(1)).toBeLessThanOrEqual(512 << 20);
  for (const threads of [1, 16, 64]) {
    expect(fetchedBytesOf(threads)).toBeGreaterThan(0);
    expect(threads * fetchedBytesOf(threads)).toBeLessThanOrEqual(totalmem() / 16);
  }
});
