import { describe, expect, test } from "vitest";
import {
  BatchSizer,
  type BatchSizerOptions,
  type LearnedBatch,
  NOTHING_LEARNED,
} from "../../../../worker/batch/batch-sizer.ts";

function aSizer(options: Partial<BatchSizerOptions> = {}): BatchSizer {
  return new BatchSizer({
    rows: "auto",
    tokens: "auto",
    fixedRows: null,
    memoryRows: () => 1 << 20,
    ...options,
  });
}

describe("the batch sizer with rows of different lengths", () => {
  /**
   * Runs windows of rows sorted by length, the longest first, as they are cut. A position of a long row costs
   * more.
   */
  function driveUneven(
    sizer: BatchSizer,
    options: { windows?: number; fits?: (tokens: number, length: number) => boolean } = {},
  ) {
    const batches: { rows: number; length: number; failed: boolean }[] = [];
    for (let window = 0; window < (options.windows ?? 4); window += 1) {
      for (let length = 256; length >= 16; length -= 2) {
        for (let left = 60; left > 0; ) {
          const rows = sizer.nextRows(length);
          left -= rows;
          const tokens = rows * length;
          const failed = options.fits !== undefined && !options.fits(tokens, length);
          batches.push({ rows, length, failed });
          if (failed) sizer.outOfMemory({ rows, length });
          else sizer.observe({ rows, length }, 4 + tokens * 0.002 * (1 + length / 256));
        }
      }
    }
    return batches;
  }

  test("one budget of positions is found for all lengths, and each length gets the rows that fit", () => {
    const told: LearnedBatch[] = [];
    const sizer = aSizer({ onLearned: (learned) => told.push(learned) });
    const batches = driveUneven(sizer);
    expect(batches[0]).toMatchObject({ rows: 1, length: 256 });
    const [{ units } = NOTHING_LEARNED] = told;
    expect(told).toHaveLength(1);
    expect(units).toBeGreaterThanOrEqual(8_192);
    expect(units).toBeLessThanOrEqual(65_536);
    for (const length of [8, 16, 100, 256])
      expect(sizer.nextRows(length)).toBe(Math.floor((units ?? 0) / length));
    expect(sizer.nextRows((units ?? 0) * 2)).toBe(1);
  });

  test("a given budget and a given number of rows both apply, and memory limits both", () => {
    const tokens = aSizer({ tokens: 1_000 });
    driveUneven(tokens);
    expect([1, 10, 300, 5_000].map((length) => tokens.nextRows(length))).toEqual([1_000, 100, 3, 1]);
    const rows = aSizer({ rows: 16 });
    driveUneven(rows);
    expect([1, 5_000].map((length) => rows.nextRows(length))).toEqual([16, 16]);
    const both = aSizer({ rows: 16, tokens: 1_000, memoryRows: (length) => 4_000 / (length ?? 1) ** 2 });
    expect([1, 20, 30, 100].map((length) => both.nextRows(length))).toEqual([16, 10, 4, 1]);
  });

  test("a failed size limits rows of that length and longer, but not rows half as long", () => {
    const sizer = aSizer({ tokens: 10_000 });
    sizer.outOfMemory({ rows: 20, length: 500 });
    expect(sizer.nextRows(500)).toBe(10);
    expect(sizer.nextRows(1_000)).toBe(5);
    expect(sizer.nextRows(300)).toBe(16);
    expect(sizer.nextRows(250)).toBe(40);
    sizer.outOfMemory({ rows: 40, length: 250 });
    expect([250, 500, 1_000, 100].map((length) => sizer.nextRows(length))).toEqual([20, 10, 5, 100]);
  });

  test("at most eight batches fail where memory grows with the square of the length", () => {
    const fits = (tokens: number, length: number) => tokens * length <= 200_000;
    const batches = driveUneven(aSizer(), { windows: 6, fits });
    expect(batches.filter(({ failed }) => failed).length).toBeGreaterThan(0);
    expect(batches.filter(({ failed }) => failed).length).toBeLessThanOrEqual(8);
    expect(batches.slice(-1_000).some(({ failed }) => failed)).toBe(false);
  });

  test("a search that began with short rows continues when only longer rows come", () => {
    const sizer = aSizer();
    sizer.observe({ rows: sizer.nextRows(4), length: 4 }, 5);
    sizer.observe({ rows: sizer.nextRows(4), length: 4 }, 5);
    for (let batch = 0; batch < 200; batch += 1) {
      const rows = sizer.nextRows(1_000);
      sizer.observe({ rows, length: 1_000 }, 5 + rows * 0.1);
    }
    expect(sizer.nextRows(1_000)).toBeGreaterThanOrEqual(32);
  });
});
