import { expect, test } from "vitest";
import { Throughput } from "../../../../coordinator/insight/throughput.ts";

test("the rate is not known in the first moment", () => {
  const throughput = new Throughput();
  throughput.record(0, 0);
  expect(throughput.rowsPerSecond(400, 100)).toBeNull();
  expect(throughput.rowsPerSecond(1_000, 100)).toBe(100);
});

test("the rate follows the last seconds and forgets a slow start", () => {
  const throughput = new Throughput();
  for (let second = 0; second <= 20; second += 1) throughput.record(second * 1_000, second * 10);
  for (let second = 21; second <= 60; second += 1)
    throughput.record(second * 1_000, 200 + (second - 20) * 1_000);
  expect(throughput.rowsPerSecond(61_000, 41_200)).toBeCloseTo(1_000, 5);
});

test("rows that were given up do not make the rate negative", () => {
  const throughput = new Throughput();
  throughput.record(0, 500);
  throughput.record(2_000, 100);
  expect(throughput.rowsPerSecond(2_000, 100)).toBe(0);
});

test("the workers' start is not taken for their speed, a stop in mid-run is", () => {
  const throughput = new Throughput();
  for (let second = 0; second <= 10; second += 1) throughput.record(second * 1_000, 50);
  expect(throughput.rowsPerSecond(12_000, 250)).toBe(100);
  for (let second = 12; second <= 60; second += 1) throughput.record(second * 1_000, 250);
  expect(throughput.rowsPerSecond(60_000, 250)).toBe(0);
});
