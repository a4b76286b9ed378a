import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { type LaneTrialOptions, tryLanes } from "../../../../worker/infer/lane-trial.ts";
import type { Lanes } from "../../../../worker/infer/lanes.ts";
import type { TrialBatch } from "../../../../worker/infer/trial-feeds.ts";

const batch: TrialBatch = {
  feeds: (rows) => ({ x: { dtype: "float32", dims: [rows], data: new ArrayBuffer(rows * 4) } }),
  outputs: ["y"],
};

/** One lane whose runs take `msOf(rows)` of a clock that only they move. */
function aLane(msOf: (rows: number) => number) {
  let now = 0;
  const ran: number[] = [];
  const lanes: Lanes = {
    count: 1,
    async infer(feeds, outputs) {
      expect(outputs).toEqual(["y"]);
      const rows = feeds.x?.dims[0] ?? 0;
      ran.push(rows);
      const runMs = msOf(rows);
      now += runMs;
      return { outputs: {}, feeds, runMs };
    },
  };
  const options: LaneTrialOptions = { batch, givenRows: null, mostRows: 10_000, nowMs: () => now };
  return { lanes, options, ran, elapsedMs: () => now };
}

test("rows are added until a run is long enough to tell, and then counted over a quarter of a second", async () => {
  const { lanes, options, ran, elapsedMs } = aLane((rows) => rows * 0.1);
  expect(await tryLanes(lanes, options)).toBeCloseTo(10_000);
  expect(ran.slice(0, 10)).toEqual([1, 1, 4, 4, 16, 16, 64, 64, 256, 256]);
  expect(elapsedMs()).toBeLessThan(500);
});

test("a batch has no more rows than fit, and as many as are given", async () => {
  const bounded = aLane((rows) => rows * 0.01);
  expect(await tryLanes(bounded.lanes, { ...bounded.options, mostRows: 100 })).toBeCloseTo(100_000);
  expect(Math.max(...bounded.ran)).toBe(100);
  const given = aLane((rows) => rows);
  expect(await tryLanes(given.lanes, { ...given.options, givenRows: 8 })).toBeCloseTo(1_000);
  expect(new Set(given.ran)).toEqual(new Set([8]));
});

test("several lanes run at once, and their rows are added up", async () => {
  const { lanes, options } = aLane(() => 10);
  const two = await tryLanes({ count: 2, infer: lanes.infer }, { ...options, givenRows: 8 });
  // The clock of this test runs for one lane at a time: two of them are as fast as one.
  expect(two).toBeGreaterThan(700);
  expect(two).toBeLessThan(900);
});

test("a model whose runs take a second is not tried for longer than two of them", async () => {
  const slow = aLane(() => 1_500);
  expect(await tryLanes(slow.lanes, slow.options)).toBeNull();
  expect(slow.ran).toHaveLength(2);
  const slowAsGiven = aLane((rows) => rows * 100);
  expect(await tryLanes(slowAsGiven.lanes, { ...slowAsGiven.options, givenRows: 64 })).toBeNull();
  expect(slowAsGiven.ran).toHaveLength(1);
});

test("one lane that is fast enough alone ends the trial; with fewer rows a run it may not be, yet", async () => {
  const { lanes, options, ran } = aLane((rows) => 1 + rows * 0.01);
  expect(await tryLanes(lanes, { ...options, enough: 10_000 })).toBeGreaterThan(10_000);
  expect(ran).toEqual([1, 1, 4, 4, 16, 16]);
  const given = aLane(() => 1);
  expect(await tryLanes(given.lanes, { ...given.options, givenRows: 8, enough: 7_999 })).toBe(8_000);
  expect(given.ran).toEqual([8, 8]);
  const never = aLane(() => 1);
  await tryLanes(never.lanes, { ...never.options, givenRows: 8, enough: 8_000 });
  expect(never.ran.length).toBeGreaterThan(100);
});

test("a model that fails on the trial's rows cannot be measured; a lane that is gone is told", async () => {
  const failing = (error: ShardmillError): Lanes => ({ count: 1, infer: () => Promise.reject(error) });
  const { options } = aLane(() => 1);
  expect(await tryLanes(failing(new ShardmillError("MODEL_FAILED", "no")), options)).toBeNull();
  const died = new ShardmillError("WORKER_DIED", "gone");
  await expect(tryLanes(failing(died), options)).rejects.toBe(died);
});
