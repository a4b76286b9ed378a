import { expect, test } from "vitest";
import { type PredictionFacts, predict } from "../../../extensions/estimate/predict.ts";
import type { Mark } from "../../../extensions/estimate/sample-protocol.ts";

/** Half a second until the first batch of 100 rows, and 1,000 rows a second from then on. */
const START: readonly Mark[] = [[500, 100]];

function facts(changes: Partial<PredictionFacts> = {}): PredictionFacts {
  return {
    shardRows: Array<number>(10).fill(1_000),
    files: 1,
    starts: [START],
    rowsPerSecond: 1_000,
    stages: { infer: 0.95, decode: 0.2 },
    padding: null,
    finish: { baseMs: 200, rowMs: 0 },
    nodes: 1,
    slots: 3,
    device: "cuda",
    isConverted: false,
    ...changes,
  };
}

test("the time of a run is its start, its rows at full speed, and its end", () => {
  const { seconds, startSeconds, finishSeconds } = predict(facts());
  expect(seconds).toBeCloseTo(0.5 + 9.9 + 0.2);
  expect(startSeconds).toBeCloseTo(0.5);
  expect(finishSeconds).toBeCloseTo(0.2);
});

test("the time includes writing the last shard after all other work", () => {
  const { seconds } = predict(facts({ stages: { infer: 0.9, encode: 0.2, store: 0.1 } }));
  expect(seconds).toBeCloseTo(0.5 + 9.9 + 0.3 + 0.2);
});

test("the time of the reduction grows with the rows", () => {
  const { seconds, finishSeconds } = predict(facts({ finish: { baseMs: 200, rowMs: 0.5 } }));
  expect(finishSeconds).toBeCloseTo(5.2);
  expect(seconds).toBeCloseTo(0.5 + 9.9 + 5.2);
});

test("workers share the shards, and the worker with one more shard ends last", () => {
  const shardRows = Array<number>(9).fill(1_000);
  expect(predict(facts({ shardRows, starts: [START, START] })).seconds).toBeCloseTo(0.5 + 4.9 + 0.2);
  expect(predict(facts({ shardRows, starts: [START], nodes: 2 })).seconds).toBeCloseTo(0.5 + 4.9 + 0.2);
});

test("a shard that a worker holds is not assigned to an idle worker", () => {
  const shardRows = [5_000, 100, 100, 100, 100, 100];
  // The first worker holds the large shard and the next two.
  expect(predict(facts({ shardRows, starts: [START, START], slots: 3 })).seconds).toBeCloseTo(
    0.5 + 5.1 + 0.2,
  );
});

test("a short run ends before it reaches full speed", () => {
  const start: Mark[] = [
    [500, 10],
    [1_500, 110],
  ];
  expect(predict(facts({ shardRows: [60], starts: [start] })).seconds).toBeCloseTo(1 + 0.2);
});

test("the bottleneck is that of the predicted run, not of the sample", () => {
  expect(predict(facts()).verdict).toMatchObject({ bottleneck: "infer", stages: { infer: 0.95 } });
  expect(predict(facts({ shardRows: [100] })).verdict.bottleneck).toBe("start");
  expect(predict(facts({ finish: { baseMs: 60_000, rowMs: 0 } })).verdict.bottleneck).toBe("reduce");
  const tail = predict(facts({ shardRows: [9_000, 1_000, 1_000], starts: [START, START, START] }));
  expect(tail.verdict.bottleneck).toBe("shards");
  expect(tail.verdict.stages.infer).toBeLessThan(0.5);
  expect(tail.verdict.advice).toContain("3 shards are too few for 3 workers");
});
