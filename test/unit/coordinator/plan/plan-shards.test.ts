import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PlannedFile, planShards } from "../../../../coordinator/plan/plan-shards.ts";
import { DatasetRows } from "../../../../shared/domain/dataset-rows.ts";
import { type Shard, shardRows } from "../../../../shared/domain/shard.ts";

const LAYOUT = "alike";

const fileOf = (...rows: readonly number[]): PlannedFile => ({
  rowGroups: rows.map((count) => ({ rows: count, bytes: count * 100 })),
  layout: LAYOUT,
});

const rowsOf = (file: PlannedFile | undefined) =>
  file?.rowGroups.reduce((sum, { rows }) => sum + rows, 0) ?? 0;

const slicesOf = (files: readonly PlannedFile[], shard: Pick<Shard, "rowStart" | "rowEnd">) =>
  new DatasetRows(files.map(rowsOf)).slicesOf(shard);

/** Returns each shard as `[file, rowStart, rowEnd]` for each of its files. */
const slices = (files: readonly PlannedFile[], target: number | "auto") =>
  planShards(files, { shardRows: target }).map((shard) =>
    slicesOf(files, shard).map(({ file, rowStart, rowEnd }) => [file, rowStart, rowEnd]),
  );

/** Returns the same for shards that each are in one file. */
const ranges = (files: readonly PlannedFile[], target: number | "auto") => slices(files, target).flat();

const anyFiles = fc
  .array(
    fc.record({
      rows: fc.array(fc.oneof(fc.nat(50), fc.nat(5_000)), { maxLength: 12 }),
      layout: fc.constantFrom(LAYOUT, LAYOUT, LAYOUT, "other"),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((files) => files.map(({ rows, layout }) => ({ ...fileOf(...rows), layout })));

const anyTarget = fc.integer({ min: 1, max: 6_000 });

/** Files with gaps between row groups, as after pruning. */
const gappyFiles = anyFiles.chain((files) =>
  fc
    .tuple(...files.map(({ rowGroups }) => fc.subarray(rowGroups.map((_, index) => index).slice(1))))
    .map((gaps) => files.map((file, index) => ({ ...file, afterGaps: new Set(gaps[index]) }))),
);

describe("a plan with pruned row groups", () => {
  it("is cut as if the pruned row groups did not exist", () => {
    fc.assert(
      fc.property(gappyFiles, fc.oneof(anyTarget, fc.constant("auto" as const)), (files, target) => {
        const whole = files.map(({ rowGroups, layout }) => ({ rowGroups, layout }));
        expect(planShards(files, { shardRows: target })).toEqual(planShards(whole, { shardRows: target }));
      }),
    );
  });

  it("has no shard of more than 512 stretches of rows, in one file or several", () => {
    const everyOther = (groups: number): PlannedFile => ({
      ...fileOf(...new Array<number>(groups).fill(1)),
      afterGaps: new Set(Array.from({ length: groups - 1 }, (_, index) => index + 1)),
    });
    const shards = planShards([everyOther(1_300)], { shardRows: 10_000 });
    expect(shards.map(shardRows)).toEqual([512, 512, 276]);
    const several = planShards([everyOther(300), everyOther(300), everyOther(200)], { shardRows: 10_000 });
    expect(several.map(shardRows)).toEqual([300, 500]);
  });
});

describe("a plan", () => {
  it("has every row exactly once, in order, in shards numbered from 0", () => {
    fc.assert(
      fc.property(anyFiles, fc.oneof(anyTarget, fc.constant("auto" as const)), (files, target) => {
        const shards = planShards(files, { shardRows: target });
        expect(shards.map(({ id }) => id)).toEqual(shards.map((_, index) => index));
        const total = files.reduce((sum, file) => sum + rowsOf(file), 0);
        let next = 0;
        for (const { rowStart, rowEnd } of shards) {
          expect(rowStart).toBe(next);
          if (total > 0) expect(rowEnd).toBeGreaterThan(rowStart);
          next = rowEnd;
        }
        expect(next).toBe(total);
        if (total === 0) expect(shards).toHaveLength(1);
      }),
    );
  });

  it("has no shard above 1.5 times the target, and joins only whole files of one layout up to the target", () => {
    fc.assert(
      fc.property(anyFiles, anyTarget, (files, target) => {
        for (const shard of planShards(files, { shardRows: target })) {
          expect(shardRows(shard)).toBeLessThanOrEqual(target * 1.5);
          const parts = slicesOf(files, shard);
          if (parts.length === 1) continue;
          expect(shardRows(shard)).toBeLessThanOrEqual(target);
          expect(new Set(parts.map(({ file }) => files[file]?.layout)).size).toBe(1);
          for (const part of parts) expect(shardRows(part)).toBe(rowsOf(files[part.file]));
        }
      }),
    );
  });

  it("has no two neighboring shards of a file that would fit into one", () => {
    fc.assert(
      fc.property(anyFiles, anyTarget, (files, target) => {
        const parts = planShards(files, { shardRows: target }).map((shard) => slicesOf(files, shard)[0]);
        for (const [index, part] of parts.entries()) {
          const next = parts[index + 1];
          if (part === undefined || next === undefined || next.file !== part.file) continue;
          const group = groupStarts(files[part.file]).find((start) => start === next.rowStart);
          // A cut inside a row group splits a large one, and leaves its neighbours unchanged.
          if (group === undefined || isInLarge(files[part.file], next.rowStart, target)) continue;
          if (isInLarge(files[part.file], part.rowStart, target)) continue;
          expect(shardRows(part) + shardRows(next)).toBeGreaterThan(target);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("joins a whole file to the previous whole files if it fits", () => {
    fc.assert(
      fc.property(anyFiles, anyTarget, (files, target) => {
        const shards = planShards(files, { shardRows: target });
        for (const [index, shard] of shards.entries()) {
          const next = shards[index + 1];
          const [last, first] = [slicesOf(files, shard).at(-1), next && slicesOf(files, next)[0]];
          if (last === undefined || first === undefined) continue;
          const areWhole = [last, first].every((part) => shardRows(part) === rowsOf(files[part.file]));
          if (!areWhole || files[last.file]?.layout !== files[first.file]?.layout) continue;
          expect(shardRows(shard) + shardRows(first)).toBeGreaterThan(target);
        }
      }),
    );
  });

  it("cuts a file the same way whatever other files there are", () => {
    fc.assert(
      fc.property(anyFiles, anyTarget, (files, target) => {
        for (const [index, file] of files.entries()) {
          const cuts = ranges(files, target)
            .filter(([of]) => of === index)
            .map(([, start, end]) => [start, end]);
          const alone = ranges([file], target).map(([, start, end]) => [start, end]);
          if (rowsOf(file) > 0) expect(cuts).toEqual(alone);
        }
      }),
    );
  });

  it("joins small files up to the target", () => {
    expect(slices([fileOf(40), fileOf(20, 20), fileOf(), fileOf(40), fileOf(90), fileOf(250)], 100)).toEqual([
      [
        [0, 0, 40],
        [1, 0, 40],
      ],
      [[3, 0, 40]],
      [[4, 0, 90]],
      [[5, 0, 83]],
      [[5, 83, 166]],
      [[5, 166, 250]],
    ]);
  });

  it("joins at most 512 files in a shard", () => {
    const files = Array.from({ length: 1_200 }, () => fileOf(1));
    expect(slices(files, 100_000).map((shard) => shard.length)).toEqual([512, 512, 176]);
  });

  it("joins three thousand files of four rows into a dozen shards", () => {
    const files = Array.from({ length: 3_000 }, () => fileOf(4));
    expect(slices(files, "auto").map((shard) => shard.length)).toEqual([...Array(11).fill(256), 184]);
  });

  it("joins files up to the target's bytes, unless the job sets the rows of a shard", () => {
    const large = { ...fileOf(), rowGroups: [{ rows: 1, bytes: 10 << 20 }] };
    const files = Array.from({ length: 7 }, () => large);
    expect(slices(files, "auto").map((shard) => shard.length)).toEqual([3, 3, 1]);
    expect(slices(files, 7).map((shard) => shard.length)).toEqual([7]);
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

  it("cuts a one-piece file only if a shard would be too large, or if the job sets its rows", () => {
    const packed = (rows: number, bytes: number): PlannedFile => ({
      rowGroups: Array.from({ length: 64 }, () => ({ rows: rows / 64, bytes: bytes / 64 })),
      layout: LAYOUT,
      cut: { isOnePiece: true, slices: 1 },
    });
    expect(planShards([packed(640_000, 200 << 20)], { shardRows: "auto" })).toHaveLength(1);
    expect(planShards([packed(640_000, 1 << 30)], { shardRows: "auto" })).toHaveLength(4);
    expect(planShards([packed(640_000, 200 << 20)], { shardRows: 80_000 })).toHaveLength(8);
    const { cut: _, ...plain } = packed(640_000, 200 << 20);
    expect(planShards([plain], { shardRows: "auto" }).length).toBeGreaterThan(10);
  });

  it("joins fewer files if each of them takes more slices of a lease", () => {
    const files = Array.from({ length: 512 }, () => ({
      ...fileOf(1),
      cut: { isOnePiece: false, slices: 4 },
    }));
    expect(planShards(files, { shardRows: 1_000 })).toHaveLength(4);
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

  it("is one empty shard of the first file when there are no rows", () => {
    expect(slices([fileOf(), fileOf(0, 0)], 100)).toEqual([[[0, 0, 0]]]);
  });

  it("refuses more than two million shards", () => {
    expect(() => planShards([fileOf(4_000_000)], { shardRows: 1 })).toThrow("more than");
  });
});

describe("the automatic target", () => {
  /**
   * Returns the rows of the largest shard of one row group. At a multiple of the target, all shards have the
   * target's size.
   */
  const largest = (rows: number, rowBytes: number, outputRowBytes = 0) => {
    const file = { rowGroups: [{ rows, bytes: rows * rowBytes }], layout: LAYOUT };
    const shards = planShards([file], { shardRows: "auto", outputRowBytes });
    return shards.reduce((most, shard) => Math.max(most, shardRows(shard)), 0);
  };

  it("is 32 MiB of input", () => {
    expect(largest(32_768 * 100, 1_024)).toBe(32_768);
  });

  it("splits a file of moderate size into 16 shards", () => {
    expect(ranges([fileOf(32_000)], "auto").length).toBe(16);
  });

  it("is at least 1,024 rows if these are at most 256 MiB", () => {
    expect(largest(102_400, 256 << 10)).toBe(1_024);
    expect(largest(102_400, 1 << 20)).toBe(256);
    expect(largest(1_024, 1 << 30)).toBe(1);
    expect(ranges([fileOf(1_500)], "auto").length).toBe(1);
  });

  it("counts the output bytes of a row if they are many", () => {
    const rows = 65_536 * 1_000;
    expect(largest(rows, 36, 40)).toBe(largest(rows, 36));
    expect(largest(rows, 36, 4_060)).toBe(65_536);
  });

  it("is at most a million rows, however narrow", () => {
    expect(largest(1e9, 1)).toBe(1_000_000);
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
