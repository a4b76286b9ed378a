import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { freeBuffers } from "../../../../shared/core/free-buffers.ts";

const LARGE = 1 << 20;

test("freeBuffers empties large buffers each time, even if one is listed twice", async () => {
  for (let round = 0; round < 3; round += 1) {
    const one = new ArrayBuffer(LARGE);
    const two = new Uint8Array(LARGE);
    freeBuffers([one, two.buffer, one]);
    expect([one.byteLength, two.length]).toEqual([0, 0]);
    // The port has noticed its close by now.
    await setImmediate();
  }
});

test("freeBuffers does not change small buffers, because they may share a slab", () => {
  const small = Buffer.from("text");
  freeBuffers([small.buffer as ArrayBuffer]);
  expect(small.toString()).toBe("text");
});

test("the memory of freed buffers is not counted, even before a garbage collection", () => {
  const before = process.memoryUsage().arrayBuffers;
  const buffer = new ArrayBuffer(64 << 20);
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(60 << 20);
  freeBuffers([buffer]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
});
