import { expect, test } from "vitest";
import { RetryBudget, waitMsBefore } from "../../../../shared/http/retries.ts";

const busy = { isStale: false, afterMs: 0 };

test("the wait before the same is asked again is any part of one that doubles, up to ten seconds", () => {
  const budget = new RetryBudget();
  const longest = Array.from({ length: 5 }, (_, at) => waitMsBefore(busy, at + 1, { budget, random: 1 }));
  expect(longest).toEqual([200, 400, 800, 1_600, 3_200]);
  expect(waitMsBefore(busy, 3, { budget, random: 0.25 })).toBe(200);
  expect(waitMsBefore(busy, 6, { budget, random: 0 })).toBeNull();
  expect(waitMsBefore(busy, 1, { budget, random: 1, mostTries: 2 })).toBe(200);
  expect(waitMsBefore(busy, 2, { budget, random: 1, mostTries: 2 })).toBeNull();
});

test("a server's own wish is heard, as far as it is sensible", () => {
  const budget = new RetryBudget();
  expect(waitMsBefore({ ...busy, afterMs: 3_000 }, 1, { budget, random: 0.5 })).toBe(3_000);
  expect(waitMsBefore({ ...busy, afterMs: 86_400_000 }, 1, { budget, random: 0.5 })).toBe(30_000);
});

test("a connection that was closed meanwhile is made anew at once, but once", () => {
  const none = { take: () => false };
  expect(waitMsBefore({ isStale: true, afterMs: 0 }, 1, { budget: none, random: 1 })).toBe(0);
  expect(waitMsBefore({ isStale: true, afterMs: 0 }, 2, { budget: none, random: 1 })).toBeNull();
});

test("all readers of a store together may ask again a hundred times, and once more for two successes", () => {
  const budget = new RetryBudget();
  const waits = Array.from({ length: 101 }, () => waitMsBefore(busy, 1, { budget, random: 1 }));
  expect(waits.filter((wait) => wait === null)).toHaveLength(1);
  budget.refill();
  expect(waitMsBefore(busy, 1, { budget, random: 1 })).toBeNull();
  budget.refill();
  expect(waitMsBefore(busy, 1, { budget, random: 1 })).toBe(200);
  for (let filled = 0; filled < 1_000; filled += 1) budget.refill();
  const again = Array.from({ length: 101 }, () => budget.take());
  expect(again.filter(Boolean)).toHaveLength(100);
});
