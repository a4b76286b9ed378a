import { describe, expect, test } from "vitest";
import {
  meanOf,
  placementOf,
  rowsFault,
  steadyRate,
  worstError,
} from "../../../extensions/node-check/figures.ts";
import { loopBatches, loopSizes } from "../../../extensions/node-check/loop-batches.ts";
import { WORKLOAD_NAMES, WORKLOADS } from "../../../extensions/node-check/workloads.ts";

describe("the steady rate of a run", () => {
  const ends = [0, 1_000, 2_000, 3_000, 9_000].map((atMs) => ({ atMs, rows: 100 }));

  test("ignores the start and the tail, in any order", () => {
    expect(steadyRate(ends)).toBe(100);
    expect(steadyRate(ends.toReversed())).toBe(100);
  });

  test("is unknown with few shards, or shards that ended at once", () => {
    expect(steadyRate(ends.slice(0, 3))).toBeNull();
    expect(steadyRate(ends.map(({ rows }) => ({ atMs: 5, rows })))).toBeNull();
  });
});

describe("the rows of an output", () => {
  test("are right when each row of each file is there once, in order", () => {
    expect(rowsFault([0, 1, 2, 0, 1, 2], 6, 3)).toBeNull();
  });

  test.each([
    ["missing", [0, 1, 2, 0, 1]],
    ["doubled", [0, 1, 1, 2, 0, 1, 2]],
    ["too many", [0, 1, 2, 0, 1, 2, 0]],
    ["out of order", [0, 2, 1, 0, 1, 2]],
  ])("are wrong when a row is %s", (_what, ids) => {
    expect(rowsFault(ids, 6, 3)).toMatch(/row/);
  });
});

describe("the difference of two outputs", () => {
  test("is relative to the largest expected value", () => {
    expect(worstError([1, -4.04], [1, -4])).toBeCloseTo(0.01);
    expect(worstError([0, 0], [0, 0])).toBe(0);
  });

  test("is infinite when values are missing or no numbers", () => {
    expect(worstError([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(worstError([], [])).toBe(Number.POSITIVE_INFINITY);
    expect(worstError([Number.NaN, 2], [1, 2])).toBe(Number.POSITIVE_INFINITY);
  });
});

test("a mean of no values is unknown", () => {
  expect(meanOf([])).toBeNull();
  expect(meanOf([1, 2])).toBe(1.5);
});

test("a profile gives operators by their place, and copies with their share of the time", () => {
  const node = (op_name: string, provider: string, dur: number) => ({
    ...{ cat: "Node", name: `${op_name}_kernel_time`, dur },
    args: { op_name, provider },
  });
  const events = [
    { cat: "Session", name: "model_run", dur: 100 },
    { cat: "Node", name: "Conv_fence_before", dur: 1, args: { op_name: "Conv" } },
    node("Conv", "CUDAExecutionProvider", 60),
    node("Relu", "CUDAExecutionProvider", 20),
    node("Shape", "CPUExecutionProvider", 5),
    node("MemcpyToHost", "CUDAExecutionProvider", 15),
  ];
  expect(placementOf(events)).toEqual({ onDevice: 2, onCpu: 1, copies: 1, copyShare: 0.15 });
  expect(placementOf([])).toEqual({ onDevice: 0, onCpu: 0, copies: 0, copyShare: 0 });
});

describe("the bare loop", () => {
  test("tries only batches whose inputs fit, and always single rows", () => {
    const feed = { tensor: "x", dtype: "float32", below: 1 } as const;
    expect(loopSizes({ feeds: [{ ...feed, rowDims: [1 << 20] }], lengths: null })).toEqual([1, 4, 16]);
    expect(loopSizes({ feeds: [{ ...feed, rowDims: [1 << 28] }], lengths: null })).toEqual([1]);
    expect(loopSizes({ feeds: [{ ...feed, rowDims: [null] }], lengths: [4, 8] })).toContain(16_384);
  });

  test.each(WORKLOAD_NAMES)("has tensors of each length for %s, with values within their limits", (name) => {
    const { feeds, lengths } = WORKLOADS[name];
    const batches = loopBatches({ feeds, lengths }, 3);
    expect(batches).toHaveLength(lengths?.length ?? 1);
    for (const [at, batch] of batches.entries()) {
      for (const { tensor, rowDims, dtype, below } of feeds) {
        const found = batch[tensor];
        expect(found?.dims).toEqual([3, ...rowDims.map((dim) => dim ?? lengths?.[at])]);
        const data = found?.data ?? new ArrayBuffer(0);
        const values =
          dtype === "int64" ? [...new BigInt64Array(data)].map(Number) : [...new Float32Array(data)];
        const most = values.reduce((a, b) => Math.max(a, b));
        if (below === null) expect(new Set(values)).toEqual(new Set([1]));
        else expect(most).toBeLessThanOrEqual(below);
      }
    }
  });
});
