import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { autoShardRows, type PlannedFile, planShards } from "../../../../coordinator/plan/planner.ts";
import { shardRows } from "../../../../shared/domain/shard.ts";

const fileOf = (...rows: readonly number[]): PlannedFile => ({
  rowGroups: rows.map((count) => ({ rows: count, bytes: count * 100 })),
});

const ranges = (files: readonly PlannedFile[], target: number | "auto") =>
  planShards(files, { shardRows: target }).map(({ file, rowStart, rowEnd }) => [file, rowStart, rowEnd]);

const anyFiles = fc
  .array(fc.array(fc.oneof(fc.nat(50), fc.nat(5_000)), { maxLength: 12 }), { minLength: 1, maxLength: 6 })
  .map((files) => files.map((rows) => fileOf(...rows)));

const rowsOf = (file: PlannedFile | undefined) =>
  file?.rowGroups.reduce((sum, { rows }) => sum + rows, 0) ?? 0;

describe("a plan", () => {
  it("holds every row of every file exactly once, in order, numbered from 0", () => {
    fc.assert(
      fc.property(
        anyFiles,
        fc.oneof(fc.integer({ min: 1, max: 6_000 }), fc.constant("auto" as const)),
        (files, target) => {
          const shards = planShards(files, { shardRows: target });
          expect(shards.map(({ id }) => id)).toEqual(shards.map((_, index) => index));
          const isEmpty = files.every((file) => rowsOf(file) === 0);
          if (isEmpty) {
            expect(ranges(files, target)).toEqual([[0, 0, 0]]);
            return;
          }
          for (const [index, file] of files.entries()) {
            const own = shards.filter((shard) => shard.file === index);
            let next = 0;
            for (const { rowStart, rowEnd } of own) {
              expect(rowStart).toBe(next);
              expect(rowEnd).toBeGreaterThan(rowStart);
              next = rowEnd;
            }
            expect(next).toBe(rowsOf(file));
          }
          expect(shards.map(({ file }) => file)).toEqual(
            [...shards.map(({ file }) => file)].sort((a, b) => a - b),
          );
        },
      ),
    );
  });

  it("has no shard above 1.5 times the target, and no two neighbours in a file that would fit into one", () => {
    fc.assert(
      fc.property(anyFiles, fc.integer({ min: 1, max: 6_000 }), (files, target) => {
        const shards = planShards(files, { shardRows: target });
        for (const [index, shard] of shards.entries()) {
          expect(shardRows(shard)).toBeLessThanOrEqual(target * 1.5);
          const next = shards[index + 1];
          if (next === undefined || next.file !== shard.file) continue;
          const group = groupStarts(files[shard.file]).find((start) => start === next.rowStart);
          // A cut inside a row group is the split of a large one; its neighbours are left as they are.
          if (group === undefined || isInLarge(files[shard.file], next.rowStart, target)) continue;
          if (isInLarge(files[shard.file], shard.rowStart, target)) continue;
          expect(shardRows(shard) + shardRows(next)).toBeGreaterThan(target);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("cuts a file the same way whatever other files there are", () => {
    fc.assert(
      fc.property(anyFiles, fc.integer({ min: 1, max: 6_000 }), (files, target) => {
        const backwards = [...files].reverse();
        const cuts = (all: readonly PlannedFile[], file: number) =>
          ranges(all, target)
            .filter(([index]) => index === file)
            .map(([, start, end]) => [start, end]);
        if (files.every((file) => rowsOf(file) === 0)) return;
        for (const index of files.keys()) {
          expect(cuts(backwards, files.length - 1 - index)).toEqual(cuts(files, index));
        }
      }),
    );
  });

  it("joins small row groups up to the target", () => {
    expect(ranges([fileOf(40, 40, 40, 40, 40)], 100)).toEqual([
      [0, 0, 80],
      [0, 80, 160],
      [0, 160, 200],
    ]);
  });

  it("keeps a row group a little above the target whole", () => {
    expect(ranges([fileOf(150, 10)], 100)).toEqual([
      [0, 0, 150],
      [0, 150, 160],
    ]);
  });

  it("splits a row group far above the target into equal ranges", () => {
    expect(ranges([fileOf(50, 1_000, 50)], 300)).toEqual([
      [0, 0, 50],
      [0, 50, 300],
      [0, 300, 550],
      [0, 550, 800],
      [0, 800, 1_050],
      [0, 1_050, 1_100],
    ]);
  });

  it("never lets a shard span files, and gives an empty file none", () => {
    expect(ranges([fileOf(10), fileOf(), fileOf(0, 0), fileOf(10)], 100)).toEqual([
      [0, 0, 10],
      [3, 0, 10],
    ]);
  });

  it("refuses more than two million shards", () => {
    expect(() => planShards([fileOf(4_000_000)], { shardRows: 1 })).toThrow("more than");
  });
});

describe("the automatic target", () => {
  it("is 32 MiB of input", () => {
    const rows = 100_000_000;
    expect(autoShardRows([{ rowGroups: [{ rows, bytes: rows * 1_024 }] }])).toBe(32_768);
  });

  it("counts only the part of the bytes that is read", () => {
    const rows = 100_000_000;
    const files = [{ rowGroups: [{ rows, bytes: rows * 1_024 }] }];
    expect(autoShardRows(files, { columnsShareOfBytes: 0.25 })).toBe(131_072);
  });

  it("spreads a modest file over 16 shards", () => {
    expect(ranges([fileOf(32_000)], "auto").length).toBe(16);
  });

  it("keeps at least 1,024 rows in a shard, however wide the rows", () => {
    expect(autoShardRows([{ rowGroups: [{ rows: 100_000, bytes: 100_000 * 10_000_000 }] }])).toBe(1_024);
    expect(ranges([fileOf(1_500)], "auto").length).toBe(1);
  });

  it("has at most a million rows, however narrow", () => {
    expect(autoShardRows([{ rowGroups: [{ rows: 1e9, bytes: 1e9 }] }])).toBe(1_000_000);
  });
});

function groupStarts(file: PlannedFile | undefined): number[] {
  let start = 0;
  return (file?.rowGroups ?? []).map(({ rows }) => {
    start += rows;
    return start - rows;
  });
}

function isInLarge(file: PlannedFile | undefined, row: number, target: number): boolean {
  let start = 0;
  for (const { rows } of file?.rowGroups ?? []) {
    if (row >= start && row < start + rows) return rows > target * 1.5;
    start += rows;
  }
  return false;
}
