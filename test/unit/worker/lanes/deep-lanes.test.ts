import { expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import type { TensorData } from "../../../../shared/domain/tensor.ts";
import { DeepLanes } from "../../../../worker/lanes/deep-lanes.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";

/** Returns two lanes whose batches take `runMs` and have `bytes` bytes. */
function lanesOf(batch: { runMs: number; bytes: number }, feeders = 1): DeepLanes {
  const tensor = (): TensorData => ({
    dtype: "uint8",
    dims: [batch.bytes],
    data: new ArrayBuffer(batch.bytes),
  });
  const lanes: Lanes & Disposable = {
    count: 2,
    infer: async (feeds) => ({ feeds, outputs: { y: tensor() }, runMs: batch.runMs }),
    [Symbol.dispose]: () => {},
  };
  return new DeepLanes(lanes, feeders);
}

test("before any measurement each lane has one running batch and one queued batch", () => {
  expect(lanesOf({ runMs: 1, bytes: 8 }).inFlight).toBe(4);
});

test("short batches raise the number in flight, up to a limit", async () => {
  for (const [runMs, inFlight] of [
    [100, 4],
    [10, 8],
    [0, 16],
  ] as const) {
    const lanes = lanesOf({ runMs, bytes: 8 });
    await lanes.infer({}, ["y"], null, NEVER);
    expect(lanes.inFlight, `${runMs} ms`).toBe(inFlight);
    expect(lanes.inFlight).toBeLessThanOrEqual(lanes.mostInFlight);
  }
});

test("large batches do not raise the number in flight, however short they are", async () => {
  const lanes = lanesOf({ runMs: 1, bytes: 24 << 20 });
  await lanes.infer({}, ["y"], null, NEVER);
  expect(lanes.inFlight).toBe(4);
});

test("threads that share the lanes share the depth, and each keeps one batch per lane", async () => {
  const lanes = lanesOf({ runMs: 10, bytes: 8 }, 4);
  expect(lanes.inFlight).toBe(2);
  await lanes.infer({}, ["y"], null, NEVER);
  expect(lanes.inFlight).toBe(2);
});

test("one slow batch among many does not change the depth", async () => {
  const batch = { runMs: 10, bytes: 8 };
  const lanes = lanesOf(batch);
  for (let run = 0; run < 20; run += 1) await lanes.infer({}, ["y"], null, NEVER);
  batch.runMs = 20;
  await lanes.infer({}, ["y"], null, NEVER);
  expect(lanes.inFlight).toBe(8);
});
