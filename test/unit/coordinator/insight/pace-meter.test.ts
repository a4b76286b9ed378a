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

/** The rate of the last seconds at `ms`, where so many rows are done. */
const rateAt = (meter: PaceMeter, ms: number, rows: number) => meter.pace("now", ms, at(rows)).rowsPerSecond;

test("in the first moment the rate is that of the whole run", () => {
  const meter = new PaceMeter(0, at(100));
  meter.record(1_000, at(100));
  expect(rateAt(meter, 1_400, 240)).toBe(100);
  expect(rateAt(meter, 2_000, 200)).toBe(100);
});

test("the rate follows the last seconds and forgets a slow start", () => {
  const meter = new PaceMeter(0, at(0));
  for (let second = 1; second <= 20; second += 1) meter.record(second * 1_000, at(second * 10));
  for (let second = 21; second <= 60; second += 1)
    meter.record(second * 1_000, at(200 + (second - 20) * 1_000));
  expect(rateAt(meter, 61_000, 41_200)).toBeCloseTo(1_000, 5);
  expect(meter.pace("run", 61_000, at(41_200)).rowsPerSecond).toBeCloseTo(41_200 / 61, 5);
});

test("rows that were given up do not make the rate negative", () => {
  const meter = new PaceMeter(0, at(500));
  meter.record(2_000, at(100));
  expect(rateAt(meter, 2_000, 100)).toBe(0);
});

test("the workers' start is not taken for their speed, a stop in mid-run is", () => {
  const meter = new PaceMeter(0, at(50));
  for (let second = 1; second <= 10; second += 1) meter.record(second * 1_000, at(50));
  expect(rateAt(meter, 12_000, 250)).toBe(100);
  for (let second = 12; second <= 60; second += 1) meter.record(second * 1_000, at(250));
  expect(rateAt(meter, 60_000, 250)).toBe(0);
});

test("what is left takes as long as its rows take at that rate, and is not known when nothing moves", () => {
  const meter = new PaceMeter(0, at(0));
  expect(meter.pace("now", 2_000, at(200))).toEqual({ seconds: 2, rowsPerSecond: 100, secondsLeft: 8 });
  expect(meter.pace("now", 2_000, at(0)).secondsLeft).toBeNull();
  expect(meter.pace("run", 2_000, { ...at(200), phase: "reducing" }).secondsLeft).toBeNull();
});
