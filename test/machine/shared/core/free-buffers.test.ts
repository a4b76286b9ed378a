import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { freeBuffers } from "../../../../shared/core/free-buffers.ts";

const LARGE = 1 << 20;

test("large buffers are empty afterwards, time after time, however often one is named", async () => {
  for (let round = 0; round < 3; round += 1) {
    const one = new ArrayBuffer(LARGE);
    const two = new Uint8Array(LARGE);
    freeBuffers([one, two.buffer, one]);
    expect([one.byteLength, two.length]).toEqual([0, 0]);
    // The port has noticed its close by now.
    await setImmediate();
  }
});

test("small ones are left alone: they may lie in a slab that others use", () => {
  const small = Buffer.from("text");
  freeBuffers([small.buffer as ArrayBuffer]);
  expect(small.toString()).toBe("text");
});

test("their memory is not counted any more, before any collection", () => {
  const before = process.memoryUsage().arrayBuffers;
  const buffer = new ArrayBuffer(64 << 20);
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(60 << 20);
  freeBuffers([buffer]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
});
