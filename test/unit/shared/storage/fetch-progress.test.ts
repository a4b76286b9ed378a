import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Logger } from "../../../../shared/core/log.ts";
import { FetchProgress, logFetching } from "../../../../shared/storage/fetch-progress.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Returns a fetch, and a function that advances its clock. */
function aFetch() {
  let nowMs = 5_000;
  const progress = new FetchProgress({ nowMs: () => nowMs });
  const pass = (seconds: number) => {
    nowMs += seconds * 1_000;
  };
  return { progress, pass };
}

test("there is no progress before a fetch, after its end and after its cancellation", () => {
  const { progress } = aFetch();
  expect(progress.now()).toBeNull();
  progress.expect(10);
  progress.came(10);
  expect(progress.now()).toBeNull();
  progress.expect(5);
  expect(progress.now()).toMatchObject({ bytes: 10, totalBytes: 15 });
  progress.clear();
  expect(progress.now()).toBeNull();
});

test("the rate covers the last seconds and exists from the first moment", () => {
  const { progress, pass } = aFetch();
  progress.expect(1_000);
  expect(progress.now()).toEqual({ bytes: 0, totalBytes: 1_000, bytesPerSecond: 0 });
  pass(2);
  progress.came(100);
  expect(progress.now()).toEqual({ bytes: 100, totalBytes: 1_000, bytesPerSecond: 50 });
  for (let second = 0; second < 30; second += 1) {
    pass(1);
    progress.came(10);
  }
  expect(progress.now()?.bytesPerSecond).toBeCloseTo(10, 5);
});

test("the rate of pieces that arrive in rare bursts is their average", () => {
  const { progress, pass } = aFetch();
  progress.expect(10_000);
  for (let round = 0; round < 6; round += 1) {
    pass(40);
    for (let piece = 0; piece < 4; piece += 1) progress.came(100);
  }
  expect(progress.now()?.bytesPerSecond).toBeCloseTo(10, -1);
  pass(1_000);
  expect(progress.now()?.bytesPerSecond).toBeLessThan(1);
});

test("a running fetch is logged every ten seconds", () => {
  const { progress, pass } = aFetch();
  const lines: object[] = [];
  const log = { info: (facts: object) => void lines.push(facts) } as unknown as Logger;
  const saying = logFetching(progress, log, { job: "j1" });
  vi.advanceTimersByTime(10_000);
  expect(lines).toEqual([]);
  progress.expect(4 << 20);
  pass(2);
  progress.came(2 << 20);
  vi.advanceTimersByTime(10_000);
  const line = { job: "j1", bytes: 2 << 20, totalBytes: 4 << 20, rate: "1.0 MiB/s" };
  expect(lines).toEqual([line]);
  saying[Symbol.dispose]();
  vi.advanceTimersByTime(30_000);
  expect(lines).toHaveLength(1);
});
