import { describe, expect, test } from "vitest";
import { BatchSizer, type BatchSizerOptions, NOTHING_LEARNED } from "../../../../worker/batch/batch-sizer.ts";

/** Rows per millisecond at a batch size. */
type Curve = (rows: number) => number;

/** Curve with its maximum at 512 rows, after which caches overflow. */
const peaked: Curve = (rows) => 100 / (1 + Math.abs(Math.log2(rows / 512)));

function aSizer(options: Partial<BatchSizerOptions>): BatchSizer {
  return new BatchSizer({
    rows: "auto",
    tokens: "auto",
    fixedRows: null,
    memoryRows: () => 1 << 20,
    ...options,
  });
}

const even = (rows: number) => ({ rows, length: null });

/** Runs batches of a curve. Returns the sizes used. */
function drive(sizer: BatchSizer, curve: Curve): number[] {
  return Array.from({ length: 200 }, () => {
    const rows = sizer.nextRows(null);
    sizer.observe(even(rows), rows / curve(rows));
    return rows;
  });
}

describe("runs that go to a lane together", () => {
  const grouping = (options: Partial<BatchSizerOptions> = {}) => aSizer({ groupsRuns: true, ...options });
  const found = (units: number) => ({ learned: { ...NOTHING_LEARNED, units } });
  /** Half a millisecond for 2,048 rows. */
  const short: Curve = () => 4_096;

  test("a found size is kept for each run, and short runs are grouped up to ten milliseconds", () => {
    const sizer = grouping(found(2_048));
    const sizes = drive(sizer, short);
    expect(sizes.slice(0, 4)).toEqual([2_048, 8_192, 32_768, 32_768]);
    expect(new Set(sizes.slice(3))).toEqual(new Set([32_768]));
    expect([sizer.runRows, sizer.inUse]).toEqual([2_048, { rows: 2_048, length: null, bound: "remembered" }]);
  });

  test("not while the size is searched, and not for long runs", () => {
    const sizer = grouping();
    const sizes = drive(sizer, (rows) => peaked(Math.min(rows, sizer.runRows ?? rows)));
    expect(sizes.slice(0, 40)).toEqual(drive(aSizer({}), peaked).slice(0, 40));
    expect([sizes.at(-1), sizer.runRows]).toEqual([1_024, 512]);
    expect(drive(grouping(found(2_048)), () => 100).at(-1)).toBe(2_048);
  });

  test("other bounds limit the batch, and a bound below the found size ends the grouping", () => {
    expect(drive(grouping({ ...found(2_048), memoryRows: () => 10_000 }), short).at(-1)).toBe(8_192);
    expect(drive(grouping({ ...found(2_048), shardRows: () => 5_000 }), short).at(-1)).toBe(4_096);
    const sizer = grouping(found(2_048));
    drive(sizer, short);
    sizer.outOfMemory(even(2_048));
    expect([sizer.nextRows(null), sizer.runRows]).toEqual([1_024, 1_024]);
  });

  test("a group that does not fit makes later groups smaller, and keeps the size of a run", () => {
    const sizer = grouping(found(2_048));
    drive(sizer, short);
    sizer.outOfMemory(even(32_768));
    expect([sizer.nextRows(null), sizer.runRows]).toEqual([16_384, 2_048]);
  });

  test("not unless it is asked for", () => {
    const sizer = aSizer(found(2_048));
    expect(new Set(drive(sizer, short))).toEqual(new Set([2_048]));
    expect(sizer.runRows).toBeNull();
  });
});
