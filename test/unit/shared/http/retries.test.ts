import { expect, test } from "vitest";
import { RetryBudget, waitMsBefore } from "../../../../shared/http/retries.ts";

const busy = { isStale: false, afterMs: 0 };

test("the wait before a retry is a random part of a limit that doubles up to ten seconds, a few times", () => {
  const budget = new RetryBudget();
  const longest = Array.from({ length: 5 }, (_, at) => waitMsBefore(busy, at + 1, { budget, random: 1 }));
  expect(longest).toEqual([200, 400, 800, 1_600, 3_200]);
  const late = [6, 7, 40].map((tries) => waitMsBefore(busy, tries, { budget, random: 1, mostTries: 50 }));
  expect(late).toEqual([6_400, 10_000, 10_000]);
  expect(waitMsBefore(busy, 3, { budget, random: 0.25 })).toBe(200);
  expect(waitMsBefore(busy, 6, { budget, random: 0 })).toBeNull();
  expect(waitMsBefore(busy, 1, { budget, random: 1, mostTries: 2 })).toBe(200);
  expect(waitMsBefore(busy, 2, { budget, random: 1, mostTries: 2 })).toBeNull();
});

test("the wait that a server requests is used, up to 30 seconds", () => {
  const budget = new RetryBudget();
  expect(waitMsBefore({ ...busy, afterMs: 3_000 }, 1, { budget, random: 0.5 })).toBe(3_000);
  expect(waitMsBefore({ ...busy, afterMs: 86_400_000 }, 1, { budget, random: 0.5 })).toBe(30_000);
});

test("a request on a closed connection is retried without a wait, but only once", () => {
  const none = { take: () => false };
  expect(waitMsBefore({ isStale: true, afterMs: 0 }, 1, { budget: none, random: 1 })).toBe(0);
  expect(waitMsBefore({ isStale: true, afterMs: 0 }, 2, { budget: none, random: 1 })).toBeNull();
});

test("all readers of a store share a hundred retries, and two successes add one retry", () => {
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
