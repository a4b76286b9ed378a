import { expect, test } from "vitest";
import { PaceMeter } from "../../../../coordinator/insight/pace-meter.ts";
import { type JobProgress, NO_RUN } from "../../../../shared/domain/run-facts.ts";

const at = (rowsDone: number): JobProgress => ({
  ...NO_RUN,
  phase: "running",
  rowsDone,
  rowsCommitted: rowsDone,
  rowsTotal: 1_000,
});

/** Milliseconds of earlier coordinators, for a job without any. */
const FIRST = 0;

/** Returns the rate of the last minute at `ms`, when `rows` rows are done. */
const rateAt = (meter: PaceMeter, ms: number, rows: number) => meter.pace("now", ms, at(rows)).rowsPerSecond;

test("at first, the rate is that of the whole run", () => {
  const meter = new PaceMeter(0, at(0), FIRST);
  meter.record(1_000, at(0));
  expect(rateAt(meter, 1_400, 140)).toBe(100);
  expect(rateAt(meter, 2_000, 100)).toBe(100);
});

test("the rate follows the last minute and forgets a slow start", () => {
  const meter = new PaceMeter(0, at(0), FIRST);
  for (let second = 1; second <= 20; second += 1) meter.record(second * 1_000, at(second * 10));
  for (let second = 21; second <= 90; second += 1)
    meter.record(second * 1_000, at(200 + (second - 20) * 1_000));
  expect(rateAt(meter, 91_000, 71_200)).toBeCloseTo(1_000, 5);
  expect(meter.pace("run", 91_000, at(71_200)).rowsPerSecond).toBeCloseTo(71_200 / 91, 5);
});

test("time and rate cover all coordinators that worked on the job", () => {
  const meter = new PaceMeter(5_000, at(600), 30_000);
  expect(meter.pace("run", 15_000, at(800))).toMatchObject({ seconds: 40, rowsPerSecond: 20 });
  // Resumed when all was mapped: earlier rows keep their time.
  expect(meter.pace("run", 5_000, at(600)).rowsPerSecond).toBeCloseTo(600 / 30, 5);
});

test("a decrease of the finished rows does not make the rate negative", () => {
  const meter = new PaceMeter(0, at(500), FIRST);
  meter.record(2_000, at(100));
  expect(rateAt(meter, 2_000, 100)).toBe(0);
});

test("the rate excludes the start of the workers, and includes a standstill during the run", () => {
  const meter = new PaceMeter(0, at(50), FIRST);
  for (let second = 1; second <= 10; second += 1) meter.record(second * 1_000, at(50));
  expect(rateAt(meter, 12_000, 250)).toBe(100);
  for (let second = 12; second <= 80; second += 1) meter.record(second * 1_000, at(250));
  expect(rateAt(meter, 80_000, 250)).toBe(0);
});

test("the time left follows from the rate, and is unknown without progress or while reducing", () => {
  const meter = new PaceMeter(0, at(0), FIRST);
  expect(meter.pace("now", 2_000, at(200))).toEqual({ seconds: 2, rowsPerSecond: 100, secondsLeft: 8 });
  expect(meter.pace("now", 2_000, at(0)).secondsLeft).toBeNull();
  expect(meter.pace("run", 2_000, { ...at(200), phase: "reducing" }).secondsLeft).toBeNull();
});

test("the time left is unknown until this coordinator has committed a shard", () => {
  const meter = new PaceMeter(0, at(100), FIRST);
  const reported = { ...at(102), rowsCommitted: 100 };
  expect(meter.pace("now", 2_000, reported)).toMatchObject({ rowsPerSecond: 1, secondsLeft: null });
  expect(meter.pace("now", 2_000, at(200)).secondsLeft).toBe(16);
});
