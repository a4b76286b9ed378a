import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BATCH_BOUNDS } from "../../../../shared/domain/batch-in-use.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import { BatchSizer, type BatchSizerOptions } from "../../../../worker/batch/batch-sizer.ts";
import {
  type BatchLimits,
  boundsOf,
  FailedSizes,
  leastBound,
  rowsInMemory,
} from "../../../../worker/batch/bounds.ts";
import { aBinding } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

function someLimits(changes: Partial<BatchLimits> = {}): BatchLimits {
  return {
    fixedRows: null,
    rows: "auto",
    tokens: "auto",
    memoryRows: (length) => 1_000_000 / (length ?? 1),
    shardRows: null,
    failed: null,
    measured: { units: 50_000, bound: "speed" },
    ...changes,
  };
}

const least = (changes: Partial<BatchLimits>, length: number | null) => {
  const { rows, bound } = leastBound(boundsOf(someLimits(changes), length));
  return { rows, bound };
};

describe("the bound of a batch", () => {
  test.each([
    ["model", { fixedRows: 8, rows: 4, shardRows: 2 }, null, 8],
    ["rows", { rows: 16, measured: null }, null, 16],
    ["tokens", { tokens: 1_000, measured: null }, 10, 100],
    ["memory", { memoryRows: () => 7.9 }, null, 7],
    ["window", {}, 1, 16_384],
    ["shard", { shardRows: 12 }, null, 12],
    ["remembered", { measured: { units: 300, bound: "remembered" } }, 100, 3],
    ["growth", { measured: { units: 4, bound: "growth" } }, null, 4],
    ["speed", {}, null, 50_000],
    ["search", { measured: { units: 1, bound: "search" } }, null, 1],
  ] as const)("is `%s` when that allows the fewest rows", (bound, changes, length, rows) => {
    expect(least(changes, length)).toEqual({ rows, bound });
  });

  test("is `failed` when a failed size allows the fewest rows", () => {
    const failed = new FailedSizes([]);
    failed.add({ rows: 64, length: null });
    expect(least({ rows: 256, failed, measured: null }, null)).toEqual({ rows: 32, bound: "failed" });
  });
});

test("a given number of rows of one length is limited by neither reserved memory nor the shard", () => {
  const tight = { rows: 500, memoryRows: () => 10, shardRows: 20, measured: null };
  expect(least(tight, null)).toEqual({ rows: 500, bound: "rows" });
  expect(least(tight, 4)).toEqual({ rows: 10, bound: "memory" });
});

test("a row that exceeds every limit runs alone", () => {
  expect(least({ tokens: 100, measured: null }, 5_000).rows).toBe(1);
  expect(least({ memoryRows: () => 0.01 }, 5_000).rows).toBe(1);
});

test("the least bound wins, and of equal bounds the first in the order of names", () => {
  const count = fc.integer({ min: 1, max: 40 });
  const given = fc.oneof(fc.constant("auto" as const), count);
  const limits = fc.record({
    fixedRows: fc.constant(null),
    rows: given,
    tokens: given,
    memoryRows: count.map((most) => () => most),
    shardRows: fc.option(count),
    failed: fc.option(count.map((units) => new FailedSizes([{ length: null, units }]))),
    measured: fc.option(fc.record({ units: count, bound: fc.constantFrom("growth", "speed", "search") })),
  });
  fc.assert(
    fc.property(limits, fc.option(fc.integer({ min: 1, max: 50 })), (some, length) => {
      const bounds = boundsOf(some, length);
      const { rows, bound } = leastBound(bounds);
      expect(rows).toBe(Math.min(...bounds.map((other) => other.rows)));
      expect(rows).toBeGreaterThanOrEqual(1);
      const equals = bounds.filter((other) => other.rows === rows).map((other) => other.bound);
      expect(bound).toBe(BATCH_BOUNDS.find((name) => equals.includes(name)));
    }),
  );
});

describe("the reserved memory", () => {
  const plan = (outputs: MapBinding["outputs"]): Pick<MapBinding, "inputs" | "outputs"> => ({
    inputs: [aBinding({ dtype: "int64", rowShape: { kind: "padded", pad: 0, sequence: 0 } })],
    outputs,
  });

  test("covers inputs and outputs, each tensor once", () => {
    const vectors = anOutput({ rowDims: [1_000], rowValues: 1_000, sequence: 0 });
    const rows = rowsInMemory(plan([vectors, { ...vectors, column: "again" }]));
    expect(Math.floor(rows(100))).toBe(Math.floor((64 << 20) / (100 * (8 + 4_000))));
    expect(rows(1 << 24)).toBeLessThan(1);
  });
});

describe("the batch size in use", () => {
  const aSizer = (changes: Partial<BatchSizerOptions>): BatchSizer =>
    new BatchSizer({
      fixedRows: null,
      rows: "auto",
      tokens: "auto",
      memoryRows: () => 1 << 20,
      ...changes,
    });

  /** Runs batches with `rowMs` per row, and half a millisecond per batch. */
  const drive = (sizer: BatchSizer, rowMs: number) => {
    for (let batch = 0; batch < 300; batch += 1) {
      const rows = sizer.nextRows(null);
      sizer.observe({ rows, length: null }, 0.5 + rows * rowMs);
    }
    return sizer.inUse;
  };

  test("is bounded by the search, and then by speed, the memory of the process or the shard", () => {
    const fresh = aSizer({});
    expect(fresh.inUse).toBeNull();
    fresh.nextRows(null);
    expect(fresh.inUse).toEqual({ rows: 1, length: null, bound: "search" });
    expect(drive(fresh, 0.01)?.bound).toBe("speed");
    expect(drive(aSizer({ mayGrow: () => false }), 0.01)).toEqual({ rows: 1, length: null, bound: "growth" });
    expect(drive(aSizer({ shardRows: () => 12 }), 0)).toEqual({ rows: 12, length: null, bound: "shard" });
  });

  test("is half of the size that did not fit", () => {
    const sizer = aSizer({ rows: 64 });
    sizer.outOfMemory({ rows: 64, length: null });
    sizer.nextRows(null);
    expect(sizer.inUse).toEqual({ rows: 32, length: null, bound: "failed" });
  });
});
