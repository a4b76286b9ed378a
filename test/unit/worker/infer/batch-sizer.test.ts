import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BatchSizer, createBatchSizer } from "../../../../worker/infer/batch-sizer.ts";
import { lcg } from "../../../support/onnx-model.ts";

/** Rows a millisecond at a batch size. */
type Curve = (rows: number) => number;

/** Each run costs a fixed overhead, then so much a row: grows ever more slowly. */
const saturating: Curve = (rows) => rows / (0.5 + rows * 0.01);
/** Fastest at 512 rows, then caches overflow. */
const peaked: Curve = (rows) => 100 / (1 + Math.abs(Math.log2(rows / 512)));

function auto(maxRows: number): BatchSizer {
  return createBatchSizer({ rows: "auto", fixedRows: null, maxRows });
}

/** Runs `batches` batches of a curve, each slowed by up to `noise` of its time. @returns the sizes used */
function drive(
  sizer: BatchSizer,
  curve: Curve,
  options: { batches?: number; noise?: number; seed?: number } = {},
) {
  const random = lcg(options.seed ?? 1);
  return Array.from({ length: options.batches ?? 100 }, () => {
    const rows = sizer.nextRows(null);
    sizer.observe({ rows: rows, length: null }, (rows / curve(rows)) * (1 + random() * (options.noise ?? 0)));
    return rows;
  });
}

describe("auto", () => {
  test("on a saturating curve it doubles until the gain is small, and then stays", () => {
    const sizer = auto(1 << 20);
    const sizes = drive(sizer, saturating);
    expect(sizes.slice(0, 7)).toEqual([32, 32, 32, 32, 64, 64, 64]);
    const settled = sizes.at(-1) ?? 0;
    expect(new Set(sizes.slice(60))).toEqual(new Set([settled]));
    expect(saturating(settled)).toBeGreaterThan(0.85 * saturating(1 << 20));
    expect(settled).toBeLessThanOrEqual(1024);
  });

  test("on a peaked curve it comes back to the peak", () => {
    const sizer = auto(1 << 20);
    const sizes = drive(sizer, peaked);
    expect(sizes.at(-1)).toBe(512);
    expect(Math.max(...sizes)).toBe(2048);
  });

  test("one size with bad luck does not end the search", () => {
    const dip: Curve = (rows) => (rows === 64 ? 1 : saturating(rows));
    expect(drive(auto(1 << 20), dip).at(-1)).toBeGreaterThanOrEqual(256);
  });

  test("the slow first run at a size does not count", () => {
    const seen = new Set<number>();
    const sizer = auto(1 << 20);
    for (let batch = 0; batch < 100; batch += 1) {
      const rows = sizer.nextRows(null);
      const warmUpMs = seen.has(rows) ? 0 : 1e6;
      seen.add(rows);
      sizer.observe({ rows: rows, length: null }, rows / saturating(rows) + warmUpMs);
    }
    expect(sizer.nextRows(null)).toBe(drive(auto(1 << 20), saturating).at(-1));
  });

  test("with runs up to a third slower by chance it still finds a good size, and stays there", () => {
    const found = Array.from({ length: 200 }, (_unused, seed) => {
      const sizer = auto(4096);
      const sizes = drive(sizer, saturating, { noise: 0.33, seed: seed * 7919 });
      expect(new Set(sizes.slice(60)).size).toBe(1);
      return saturating(sizer.nextRows(null)) / saturating(4096);
    });
    expect(Math.min(...found)).toBeGreaterThan(0.6);
    expect(found.filter((share) => share > 0.8).length).toBeGreaterThan(190);
  });

  test("batches of other sizes, late or left over, say nothing", () => {
    const sizer = auto(1 << 20);
    for (let batch = 0; batch < 50; batch += 1) sizer.observe({ rows: 7, length: null }, 1e9);
    expect(sizer.nextRows(null)).toBe(32);
  });

  test("it never asks for more than fits, and ends there when speed still grows", () => {
    const sizer = auto(100);
    const sizes = drive(sizer, (rows) => rows);
    expect(Math.max(...sizes)).toBe(100);
    expect(sizer.nextRows(null)).toBe(100);
    expect(auto(5).nextRows(null)).toBe(5);
  });

  test("runs too short for the clock do not confuse it", () => {
    const sizer = auto(1024);
    for (let batch = 0; batch < 50; batch += 1)
      sizer.observe({ rows: sizer.nextRows(null), length: null }, 0);
    expect(sizer.nextRows(null)).toBe(1024);
  });
});

describe("out of memory", () => {
  test("halves, goes back to the best size that fitted, and never grows above the cap again", () => {
    const sizer = auto(1 << 20);
    const used: number[] = [];
    for (let batch = 0; batch < 200; batch += 1) {
      const rows = sizer.nextRows(null);
      used.push(rows);
      if (rows > 300) sizer.outOfMemory({ rows: rows, length: null });
      else sizer.observe({ rows: rows, length: null }, rows / saturating(rows));
    }
    expect(used.filter((rows) => rows > 300)).toEqual([512]);
    expect(sizer.nextRows(null)).toBe(256);
  });

  test("told twice of the same size it halves once", () => {
    const sizer = createBatchSizer({ rows: 1000, fixedRows: null, maxRows: 4096 });
    sizer.outOfMemory({ rows: 1000, length: null });
    sizer.outOfMemory({ rows: 1000, length: null });
    expect(sizer.nextRows(null)).toBe(500);
  });

  test("before anything ran it halves as far as one row, and not below", () => {
    const sizer = auto(64);
    for (let tries = 0; tries < 20; tries += 1)
      sizer.outOfMemory({ rows: sizer.nextRows(null), length: null });
    expect(sizer.nextRows(null)).toBe(1);
  });

  test("whatever the order of runs and failures, the size stays within 1 and every cap that was set", () => {
    const step = fc.record({ fails: fc.boolean(), runMs: fc.double({ min: 0, max: 1e3, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 5000 }), (steps, maxRows) => {
        const sizer = auto(maxRows);
        let cap = maxRows;
        for (const { fails, runMs } of steps) {
          const rows = sizer.nextRows(null);
          expect(rows).toBeGreaterThanOrEqual(1);
          expect(rows).toBeLessThanOrEqual(cap);
          if (fails) {
            sizer.outOfMemory({ rows: rows, length: null });
            cap = Math.max(1, Math.floor(rows / 2));
          } else sizer.observe({ rows: rows, length: null }, runMs);
        }
      }),
    );
  });
});

describe("a given number", () => {
  test("is taken as it is, up to what fits, and halves when memory says no", () => {
    const sizer = createBatchSizer({ rows: 256, fixedRows: null, maxRows: 1024 });
    expect(new Set(drive(sizer, saturating))).toEqual(new Set([256]));
    sizer.outOfMemory({ rows: 256, length: null });
    expect(sizer.nextRows(null)).toBe(128);
    expect(createBatchSizer({ rows: 256, fixedRows: null, maxRows: 100 }).nextRows(null)).toBe(100);
  });

  test("of the model wins over everything", () => {
    const sizer = createBatchSizer({ rows: 256, fixedRows: 8, maxRows: 4 });
    sizer.outOfMemory({ rows: 8, length: null });
    expect(new Set(drive(sizer, saturating))).toEqual(new Set([8]));
  });
});
