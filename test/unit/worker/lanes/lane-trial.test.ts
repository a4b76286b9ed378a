import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { estimateRate, type LaneTrialOptions, tryLanes } from "../../../../worker/lanes/lane-trial.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";
import type { TrialBatch } from "../../../../worker/lanes/trial-feeds.ts";

const batch: TrialBatch = {
  feeds: (rows) => ({ x: { dtype: "float32", dims: [rows], data: new ArrayBuffer(rows * 4) } }),
  outputs: ["y"],
};

const never = () => false;

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

test("rows are added until a run is long enough to tell, and then timed for a moment", async () => {
  const { lanes, options, ran, elapsedMs } = aLane((rows) => rows * 0.1);
  expect(await tryLanes(lanes, options)).toBeCloseTo(10_000);
  expect(ran.slice(0, 10)).toEqual([1, 1, 4, 4, 16, 16, 64, 64, 256, 256]);
  expect(elapsedMs()).toBeLessThan(400);
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
  const two = { count: 2, infer: lanes.infer };
  expect(await tryLanes(two, { ...options, givenRows: 8 })).toBeCloseTo(1_600);
});

test("runs that other work on the machine made slower do not count, nor does one lucky one", async () => {
  let runs = 0;
  const { lanes, options } = aLane(() => {
    runs += 1;
    if (runs === 7) return 1;
    return runs % 2 === 0 ? 40 : 10;
  });
  expect(await tryLanes(lanes, { ...options, givenRows: 8 })).toBeCloseTo(800);
});

test("an estimate takes no longer than finding the rows, and knows how many lanes there are", async () => {
  const { lanes, options, ran } = aLane((rows) => rows * 0.1);
  expect(await estimateRate({ count: 4, infer: lanes.infer }, options, never)).toBeCloseTo(40_000);
  expect(ran).toEqual([1, 1, 4, 4, 16, 16, 64, 64, 256, 256]);
  const given = aLane((rows) => rows);
  expect(await estimateRate(given.lanes, { ...given.options, givenRows: 8 }, never)).toBeCloseTo(1_000);
  expect(given.ran).toEqual([8, 8]);
});

test("an estimate ends with the first size that says enough: no lane takes memory for larger ones", async () => {
  const { lanes, options, ran } = aLane((rows) => 0.1 + rows * 0.001);
  const rate = await estimateRate(lanes, options, (rowsPerSecond) => rowsPerSecond >= 100_000);
  expect(rate).toBeCloseTo((16 / 0.116) * 1_000);
  expect(ran).toEqual([1, 1, 4, 4, 16, 16]);
});

test("a model whose runs take a second is not tried for longer than one of them", async () => {
  const slow = aLane(() => 1_500);
  expect(await tryLanes(slow.lanes, slow.options)).toBeNull();
  expect(slow.ran).toHaveLength(1);
  const slowAsGiven = aLane((rows) => rows * 100);
  expect(await tryLanes(slowAsGiven.lanes, { ...slowAsGiven.options, givenRows: 64 })).toBeNull();
  expect(slowAsGiven.ran).toHaveLength(1);
});

test("a model that fails on the trial's rows cannot be measured; a lane that is gone is told", async () => {
  const failing = (error: ShardmillError): Lanes => ({ count: 1, infer: () => Promise.reject(error) });
  const { options } = aLane(() => 1);
  const fails = failing(new ShardmillError("MODEL_FAILED", "no"));
  expect(await tryLanes(fails, options)).toBeNull();
  expect(await estimateRate(fails, options, never)).toBeNull();
  const died = new ShardmillError("WORKER_DIED", "gone");
  await expect(tryLanes(failing(died), options)).rejects.toBe(died);
  await expect(estimateRate(failing(died), options, never)).rejects.toBe(died);
});
