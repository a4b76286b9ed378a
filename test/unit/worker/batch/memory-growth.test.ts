import { totalmem } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
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

/** Watches this process with a rss of `rssBytes` at first, in a container with `limitBytes`. 0: no limit. */
function watchThis(rssBytes: number, limitBytes: number): (rssBytes: number) => boolean {
  const rss = vi.spyOn(process.memoryUsage, "rss").mockReturnValue(rssBytes);
  vi.spyOn(process, "constrainedMemory").mockReturnValue(limitBytes);
  const mayGrow = watchGrowth();
  return (next) => {
    rss.mockReturnValue(next);
    return mayGrow();
  };
}

afterEach(() => void vi.restoreAllMocks());

test("this process may grow up to the limit of its container", () => {
  const mayGrow = watchThis(100, 1_000);
  expect([100, 399, 400].map(mayGrow)).toEqual([true, true, false]);
});

test.each([0, 2 * totalmem()])("this process with a limit of %d bytes may not use all memory", (limit) => {
  const mayGrow = watchThis(0, limit);
  expect([0, totalmem()].map(mayGrow)).toEqual([true, false]);
});
