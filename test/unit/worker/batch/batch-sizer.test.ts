import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BatchSizer,
  type BatchSizerOptions,
  type LearnedBatch,
  mergeLearned,
  NOTHING_LEARNED,
} from "../../../../worker/batch/batch-sizer.ts";
import { lcg } from "../../../support/onnx-model.ts";

/** Rows (or positions) per millisecond at a batch size. */
type Curve = (units: number) => number;

/** Curve with a fixed overhead and a cost per row, which grows ever more slowly. */
const saturating: Curve = (rows) => rows / (0.5 + rows * 0.01);
/** Curve with its maximum at 512 rows, after which caches overflow. */
const peaked: Curve = (rows) => 100 / (1 + Math.abs(Math.log2(rows / 512)));

function aSizer(options: Partial<BatchSizerOptions> = {}): BatchSizer {
  return new BatchSizer({
    rows: "auto",
    tokens: "auto",
    fixedRows: null,
    memoryRows: () => 1 << 20,
    ...options,
  });
}

const auto = (most: number): BatchSizer => aSizer({ memoryRows: () => most });
const even = (rows: number) => ({ rows, length: null });

/**
 * Runs `batches` batches of a curve, each slowed by up to `noise` of its time.
 *
 * @returns the sizes used
 */
function drive(
  sizer: BatchSizer,
  curve: Curve,
  options: { batches?: number; noise?: number; seed?: number } = {},
) {
  const random = lcg(options.seed ?? 1);
  return Array.from({ length: options.batches ?? 200 }, () => {
    const rows = sizer.nextRows(null);
    sizer.observe(even(rows), (rows / curve(rows)) * (1 + random() * (options.noise ?? 0)));
    return rows;
  });
}

describe("the automatic batch size", () => {
  test("it starts at one row, quadruples while runs are short, and then compares each size with the next", () => {
    const sizes = drive(auto(1 << 20), saturating);
    expect(sizes.slice(0, 10)).toEqual([1, 1, 4, 4, 16, 16, 64, 64, 256, 256]);
    expect(sizes.slice(10, 18)).toEqual([512, 256, 512, 256, 512, 256, 512, 256]);
  });

  test("it stops where the gain of a saturating curve is small, and stays there", () => {
    const sizer = auto(1 << 20);
    const sizes = drive(sizer, saturating);
    const settled = sizes.at(-1) ?? 0;
    expect(new Set(sizes.slice(100))).toEqual(new Set([settled]));
    expect(saturating(settled)).toBeGreaterThan(0.85 * saturating(1 << 20));
    expect(settled).toBeLessThanOrEqual(4096);
  });

  test("it returns to the peak of a peaked curve", () => {
    const sizes = drive(auto(1 << 20), peaked);
    expect(sizes.at(-1)).toBe(512);
    expect(Math.max(...sizes)).toBe(2048);
  });

  test("a slightly faster size is used only while runs are short", () => {
    /** Returns a curve on which each size is 1 % faster than half of it. */
    const slight =
      (rowMs: number): Curve =>
      (rows) =>
        1.01 ** Math.log2(rows) / rowMs;
    const sizeFor = (rowMs: number) => drive(auto(1 << 20), slight(rowMs)).at(-1) ?? 0;
    expect(sizeFor(1.5)).toBe(16);
    expect(sizeFor(20)).toBe(1);
  });

  test("a few disturbed short runs do not exclude a size", () => {
    const sizer = auto(1 << 20);
    let disturbed = 0;
    const sizes = Array.from({ length: 400 }, () => {
      const rows = sizer.nextRows(null);
      const isDisturbed = rows === 128 && disturbed < 6;
      if (isDisturbed) disturbed += 1;
      sizer.observe(even(rows), (0.4 + rows * 0.04) * (isDisturbed ? 1.3 : 1));
      return rows;
    });
    expect(disturbed).toBe(6);
    expect(sizes.slice(sizes.indexOf(256))).not.toContain(64);
  });

  test("a long first run does not make the search skip the best size", () => {
    const best2: Curve = (rows) => 1 / (12 + Math.abs(Math.log2(rows / 2)));
    expect(drive(auto(1 << 20), best2).at(-1)).toBe(2);
  });

  test("one slow size does not end the search", () => {
    const dip: Curve = (rows) => (rows === 2 ? 0.01 : rows / (50 + rows));
    expect(drive(auto(1 << 20), dip).at(-1)).toBeGreaterThanOrEqual(128);
  });

  test("the slow first run at a size does not count", () => {
    const seen = new Set<number>();
    const sizer = auto(1 << 20);
    for (let batch = 0; batch < 200; batch += 1) {
      const rows = sizer.nextRows(null);
      const warmUpMs = seen.has(rows) ? 0 : 1e6;
      seen.add(rows);
      sizer.observe(even(rows), rows / saturating(rows) + warmUpMs);
    }
    expect(saturating(sizer.nextRows(null))).toBeGreaterThan(0.85 * saturating(1 << 20));
  });

  test("it finds a good size and stays there when runs are randomly up to a third slower", () => {
    const found = Array.from({ length: 200 }, (_unused, seed) => {
      const sizer = auto(4096);
      const sizes = drive(sizer, saturating, { batches: 600, noise: 0.33, seed: seed * 7919 });
      expect(new Set(sizes.slice(400)).size).toBe(1);
      return saturating(sizer.nextRows(null)) / saturating(4096);
    });
    expect(Math.min(...found)).toBeGreaterThan(0.8);
  });

  test("a machine that slows down during the search does not make larger batches look slow", () => {
    const sizer = auto(1 << 20);
    let batches = 0;
    const drifting: Curve = (rows) => {
      batches += 1;
      return rows / (40 + rows * 0.01) / (1 + Math.min(1, batches / 40));
    };
    drive(sizer, drifting);
    expect(sizer.nextRows(null)).toBeGreaterThanOrEqual(8192);
  });

  test("it stops at a size whose runs take a second, and a row that takes longer runs alone", () => {
    const linear: Curve = (rows) => rows / (400 + rows * 100);
    expect(Math.max(...drive(auto(1 << 20), linear))).toBeLessThanOrEqual(8);
    expect(new Set(drive(auto(1 << 20), () => 1 / 3000))).toEqual(new Set([1]));
  });

  test("it does not grow while memory is short, and reports nothing for later runs", () => {
    const told: LearnedBatch[] = [];
    const sizer = aSizer({ mayGrow: () => false, onLearned: (learned) => told.push(learned) });
    expect(new Set(drive(sizer, saturating))).toEqual(new Set([1]));
    expect(told).toEqual([]);
  });

  test("batches of other sizes, late or leftover, are ignored", () => {
    const sizer = auto(1 << 20);
    for (let batch = 0; batch < 50; batch += 1) sizer.observe(even(7), 1e9);
    expect(sizer.nextRows(null)).toBe(1);
  });

  test("it stops at what fits in memory when larger sizes are still faster", () => {
    const told: LearnedBatch[] = [];
    const sizer = aSizer({ memoryRows: () => 100, onLearned: (learned) => told.push(learned) });
    const sizes = drive(sizer, (rows) => rows);
    // Not stored for later runs, because a larger shard, or a machine with more memory, has room for more.
    expect(told).toEqual([]);
    expect(Math.max(...sizes)).toBe(100);
    expect(sizer.nextRows(null)).toBe(100);
  });

  test("runs too short for the clock lead to the largest size", () => {
    const sizer = auto(1024);
    for (let batch = 0; batch < 50; batch += 1) sizer.observe(even(sizer.nextRows(null)), 0);
    expect(sizer.nextRows(null)).toBe(1024);
  });
});

describe("the batch size after out of memory", () => {
  test("returns to a size that fitted, and never exceeds the limit again", () => {
    const sizer = auto(1 << 20);
    const used: number[] = [];
    for (let batch = 0; batch < 200; batch += 1) {
      const rows = sizer.nextRows(null);
      used.push(rows);
      if (rows > 300) sizer.outOfMemory(even(rows));
      else sizer.observe(even(rows), rows / saturating(rows));
    }
    expect(used.filter((rows) => rows > 300)).toEqual([512]);
    expect(sizer.nextRows(null)).toBe(256);
  });

  test("is halved once when the same size fails twice", () => {
    const sizer = aSizer({ rows: 1000 });
    sizer.outOfMemory(even(1000));
    sizer.outOfMemory(even(1000));
    expect(sizer.nextRows(null)).toBe(500);
  });

  test("is halved down to one row when no batch has run yet", () => {
    const sizer = aSizer({ rows: 64 });
    for (let tries = 0; tries < 20; tries += 1) sizer.outOfMemory(even(sizer.nextRows(null)));
    expect(sizer.nextRows(null)).toBe(1);
  });

  test("stays between 1 and every limit, whatever the order of runs and failures", () => {
    const step = fc.record({
      fails: fc.boolean(),
      runMs: fc.double({ min: 0, max: 1e3, noNaN: true }),
      length: fc.integer({ min: 1, max: 600 }),
    });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(step, { maxLength: 80 }),
        fc.integer({ min: 1, max: 5000 }),
        (isEven, steps, most) => {
          const sizer = auto(most);
          const caps: { rows: number; length: number }[] = [];
          for (const { fails, runMs, ...row } of steps) {
            const length = isEven ? null : row.length;
            const rows = sizer.nextRows(length);
            expect(rows).toBeGreaterThanOrEqual(1);
            expect(rows).toBeLessThanOrEqual(most);
            for (const cap of caps)
              if ((length ?? 0) >= cap.length) expect(rows).toBeLessThanOrEqual(cap.rows);
            if (fails) {
              sizer.outOfMemory({ rows, length });
              caps.push({ rows: Math.max(1, Math.floor(rows / 2)), length: length ?? 0 });
            } else sizer.observe({ rows, length }, runMs);
          }
        },
      ),
    );
  });
});

describe("a given batch size", () => {
  test("is used as given, and halved after out of memory", () => {
    const sizer = aSizer({ rows: 256, memoryRows: () => 100 });
    expect(new Set(drive(sizer, saturating))).toEqual(new Set([256]));
    sizer.outOfMemory(even(256));
    expect(sizer.nextRows(null)).toBe(128);
  });

  test("gives way to the batch size that the model fixes", () => {
    const sizer = aSizer({ rows: 256, fixedRows: 8, memoryRows: () => 4 });
    sizer.outOfMemory(even(8));
    expect(new Set(drive(sizer, saturating))).toEqual(new Set([8]));
  });
});

describe("the learned batch size", () => {
  test("is reported once when it is found, and a later run starts with it", () => {
    const told: LearnedBatch[] = [];
    const first = aSizer({ onLearned: (learned) => told.push(learned) });
    drive(first, saturating);
    expect(told).toEqual([{ units: first.nextRows(null), caps: [] }]);
    const second = aSizer({
      learned: told[0] ?? NOTHING_LEARNED,
      onLearned: (learned) => told.push(learned),
    });
    expect(new Set(drive(second, peaked))).toEqual(new Set([first.nextRows(null)]));
    expect(told).toHaveLength(1);
  });

  test("is limited by memory, and new memory limits are reported", () => {
    const told: LearnedBatch[] = [];
    const learned: LearnedBatch = { units: 512, caps: [{ length: null, units: 400 }] };
    const sizer = aSizer({ learned, onLearned: (news) => told.push(news) });
    expect(sizer.nextRows(null)).toBe(400);
    sizer.outOfMemory(even(400));
    sizer.outOfMemory(even(400));
    expect(sizer.nextRows(null)).toBe(200);
    expect(told).toEqual([{ units: 512, caps: [{ length: null, units: 200 }] }]);
    expect(aSizer({ learned, memoryRows: () => 50 }).nextRows(null)).toBe(50);
  });

  test("is merged over threads: the newest size, and every limit once", () => {
    const cap = { length: 100, units: 800 };
    const merged = mergeLearned(
      { units: 512, caps: [cap] },
      { units: null, caps: [{ length: null, units: 9 }, cap] },
    );
    expect(merged).toEqual({ units: 512, caps: [cap, { length: null, units: 9 }] });
    expect(mergeLearned(merged, { units: 256, caps: [] }).units).toBe(256);
  });
});
