import { expect, test } from "vitest";
import { watchGrowth } from "../../../../worker/batch/memory-growth.ts";

test("a process may grow while its growth is less than half of the free memory", () => {
  let state = { usedBytes: 1_000, freeBytes: 800 };
  const mayGrow = watchGrowth(() => state);
  expect(mayGrow()).toBe(true);
  state = { usedBytes: 1_200, freeBytes: 600 };
  expect(mayGrow()).toBe(true);
  state = { usedBytes: 1_300, freeBytes: 500 };
  expect(mayGrow()).toBe(false);
  state = { usedBytes: 1_010, freeBytes: 10 };
  expect(mayGrow()).toBe(false);
});

test("this process may grow right after the watch begins", () => {
  expect(watchGrowth()()).toBe(true);
});
