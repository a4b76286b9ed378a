import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { persist } from "../../../../worker/lease/persist.ts";
import { manualClock } from "../../../support/builders.ts";

const away = new ShardmillError("COORDINATOR_UNREACHABLE", "no coordinator listens");

test("an unreachable coordinator is retried often for a minute, then rarely, and reported once a minute", async () => {
  const time = manualClock();
  const waits: { atMs: number; ms: number }[] = [];
  const after = (ms: number, call: () => void) => {
    waits.push({ atMs: time.nowMs(), ms });
    time.advance(ms);
    queueMicrotask(call);
    return () => {};
  };
  const reports: number[] = [];
  const startMs = time.nowMs();
  const requested = persist<void>(() => Promise.reject(away), {
    signal: new AbortController().signal,
    giveUpMs: 300_000,
    clock: { ...time, after },
    random: { hex: () => "", unit: () => 0.99 },
    onWaiting: (_error, sinceMs) => reports.push(sinceMs),
  });
  await expect(requested).rejects.toBe(away);
  const early = waits.filter(({ atMs }) => atMs - startMs < 60_000);
  const late = waits.filter(({ atMs }) => atMs - startMs >= 60_000);
  expect(Math.max(...early.map(({ ms }) => ms))).toBeLessThanOrEqual(800);
  expect(Math.min(...late.map(({ ms }) => ms))).toBeGreaterThan(5_000);
  expect(reports.length).toBeGreaterThanOrEqual(4);
  expect(reports.length).toBeLessThanOrEqual(6);
});
