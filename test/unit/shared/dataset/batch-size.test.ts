import { describe, expect, it } from "vitest";
import { BatchSize } from "../../../../shared/dataset/batch-size.ts";

const MIB = 1 << 20;
const group = (rows: number, rowBytes: number) => ({ rows, bytes: rows * rowBytes });

describe("how many rows are decoded at once", () => {
  it.each([
    ["narrow rows, up to a limit", 10, 65_536],
    ["rows of a KiB, as many as eight MiB hold", 1 << 10, 8_192],
    ["wide rows, more than these bytes: each batch costs something", 1 << 17, 256],
    ["long rows, few", 16 * MIB, 4],
    ["the longest, one", 500 * MIB, 1],
    ["rows whose bytes are not told", 0, 65_536],
  ])("%s", (_, rowBytes, rows) => {
    expect(new BatchSize().rowsOf(group(100_000, rowBytes))).toBe(rows);
  });

  it("where the decoder broke, a quarter, down to one row, and then no fewer", () => {
    const size = new BatchSize();
    const tried: number[] = [];
    for (let rows = size.rowsOf(group(1_000, 4)); ; rows = size.rowsOf(group(1_000, 4))) {
      tried.push(rows);
      if (!size.shrinkAfterFault(Math.min(rows, 1_000))) break;
    }
    expect(tried).toEqual([65_536, 250, 62, 15, 3, 1]);
  });

  it("where a batch is much larger than was meant, as many as are not", () => {
    const size = new BatchSize();
    expect(size.shrinkIfLarge(50_000, 64 * MIB)).toBe(false);
    expect(size.rowsOf(group(50_000, 4))).toBe(65_536);
    expect(size.shrinkIfLarge(50_000, 5_000 * MIB)).toBe(true);
    expect(size.rowsOf(group(50_000, 4))).toBe(80);
    expect(size.shrinkIfLarge(1, 5_000 * MIB)).toBe(false);
  });
});
