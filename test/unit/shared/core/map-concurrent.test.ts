import { describe, expect, it } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { mapConcurrent } from "../../../../shared/core/map-concurrent.ts";

describe("mapConcurrent", () => {
  it("keeps the order of the items and maps at most the allowed number concurrently", async () => {
    const gates = Array.from({ length: 7 }, () => deferred<void>());
    let running = 0;
    let most = 0;
    const mapped = mapConcurrent(gates, 3, async (gate, index) => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
      return index * 10;
    });
    for (const gate of [...gates].reverse()) gate.resolve();
    expect(await mapped).toEqual([0, 10, 20, 30, 40, 50, 60]);
    expect(most).toBe(3);
  });

  it("starts no item after a failure and waits for the running ones", async () => {
    const gate = deferred<void>();
    const started: number[] = [];
    let isSettled = false;
    const mapped = mapConcurrent([0, 1, 2, 3], 2, async (item) => {
      started.push(item);
      if (item === 0) throw new Error("first");
      await gate.promise;
      isSettled = true;
    });
    gate.resolve();
    await expect(mapped).rejects.toThrow("first");
    expect(isSettled).toBe(true);
    expect(started).toEqual([0, 1]);
  });

  it("returns an empty list for no items", async () => {
    expect(await mapConcurrent([], 4, async () => 1)).toEqual([]);
  });
});
