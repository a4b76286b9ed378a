import { describe, expect, test } from "vitest";
import { batchingText, findBatching } from "../../../../bench/ceiling/find-batching.ts";
import type { LoopBatching } from "../../../../bench/ceiling/loop-rows.ts";
import type { WorkloadInput } from "../../../../bench/workloads/recipe.ts";

const EVEN: WorkloadInput = { tensor: "x", dtype: "float32", columns: ["x"], rowDims: [2], scale: 1 };
const UNEVEN: WorkloadInput = { ...EVEN, rowDims: [null] };

/** Returns a loop with a given speed, on a clock on which each attempt takes a fixed time. */
function aLoop(rateOf: (batching: LoopBatching) => number, tryMs = 0) {
  const tried: string[] = [];
  let [ms, rate] = [0, 0];
  return {
    tried,
    nowMs: () => ms,
    prepare: async (batching: LoopBatching) => {
      tried.push(batchingText(batching));
      rate = rateOf(batching);
    },
    measure: async () => {
      ms += tryMs;
      return rate;
    },
  };
}

const bestAt = (best: number) => (batching: LoopBatching) =>
  batching.kind === "rows" ? 1_000 - Math.abs(best - batching.rows) : 0;

describe("the search for the fastest batches of a bare loop", () => {
  test("ends a few sizes after the fastest, and measures the best ones again", async () => {
    const loop = aLoop(bestAt(4));
    const found = await findBatching(loop, { inputs: [EVEN] }, { rows: 4_096, seconds: 1 });
    expect(found).toEqual({ kind: "rows", rows: 4 });
    expect(loop.tried).toEqual([1, 2, 4, 8, 16, 32].concat([4, 2, 1]).map((rows) => `${rows} rows`));
  });

  test("tries no more rows than there are", async () => {
    const loop = aLoop(bestAt(64));
    await findBatching(loop, { inputs: [EVEN] }, { rows: 8, seconds: 1 });
    expect(loop.tried.slice(0, 4)).toEqual(["1 rows", "2 rows", "4 rows", "8 rows"]);
    expect(loop.tried).toHaveLength(4 + 3);
  });

  test("ends after a minute with the best size so far, for both ways to cut uneven rows", async () => {
    const loop = aLoop(bestAt(64), 40_000);
    const { nowMs } = loop;
    const found = await findBatching(loop, { inputs: [UNEVEN] }, { rows: 4_096, seconds: 1, nowMs });
    expect(loop.tried.slice(0, 4)).toEqual(["1 rows", "2 rows", "sorted, 256 tokens", "sorted, 512 tokens"]);
    expect(found).toEqual({ kind: "rows", rows: 2 });
  });
});
