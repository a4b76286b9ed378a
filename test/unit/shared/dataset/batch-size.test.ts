import { describe, expect, it } from "vitest";
import { BatchSize } from "../../../../shared/dataset/batch-size.ts";

const MIB = 1 << 20;
const group = (rows: number, rowBytes: number) => ({ rows, bytes: rows * rowBytes });

describe("the number of rows that are decoded at once", () => {
  it.each([
    ["narrow rows are decoded up to a limit of rows", 10, 65_536],
    ["rows of a KiB are decoded in batches of eight MiB", 1 << 10, 8_192],
    ["wide rows are decoded in batches of more than eight MiB, because each batch has a cost", 1 << 17, 256],
    ["rows of 16 MiB are decoded four at once", 16 * MIB, 4],
    ["rows of 500 MiB are decoded one at a time", 500 * MIB, 1],
    ["rows of unknown size are decoded up to a limit of rows", 0, 65_536],
  ])("%s", (_, rowBytes, rows) => {
    expect(new BatchSize().rowsOf(group(100_000, rowBytes))).toBe(rows);
  });

  it("each fault of the decoder reduces the number of rows to a quarter, down to one row", () => {
    const size = new BatchSize();
    const tried: number[] = [];
    for (let rows = size.rowsOf(group(1_000, 4)); ; rows = size.rowsOf(group(1_000, 4))) {
      tried.push(rows);
      if (!size.shrinkAfterFault(Math.min(rows, 1_000))) break;
    }
    expect(tried).toEqual([65_536, 250, 62, 15, 3, 1]);
  });

  it("a batch that is much larger than intended reduces the number of rows to the intended size", () => {
    const size = new BatchSize();
    expect(size.shrinkIfLarge(50_000, 64 * MIB)).toBe(false);
    expect(size.rowsOf(group(50_000, 4))).toBe(65_536);
    expect(size.shrinkIfLarge(50_000, 5_000 * MIB)).toBe(true);
    expect(size.rowsOf(group(50_000, 4))).toBe(80);
    expect(size.shrinkIfLarge(1, 5_000 * MIB)).toBe(false);
  });
});
