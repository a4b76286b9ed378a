import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PlannedFile, planShards } from "../../../../../coordinator/plan/plan-shards.ts";
import { takeRows } from "../../../../../coordinator/plan/trial/take-rows.ts";
import { DatasetRows, type FileSlice } from "../../../../../shared/domain/dataset-rows.ts";

/** Files with row groups, of which some are pruned: the remaining ones of each file, and the pruned ones. */
const dataset = fc
  .array(fc.array(fc.record({ rows: fc.integer({ min: 0, max: 9 }), isPruned: fc.boolean() })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((all) => {
    const pruned: FileSlice[] = [];
    const files = all.map((groups, file): PlannedFile => {
      const rowGroups: { rows: number; bytes: number }[] = [];
      const afterGaps = new Set<number>();
      let [rowStart, hasGap] = [0, false];
      for (const { rows, isPruned } of groups) {
        const rowEnd = rowStart + rows;
        if (isPruned && rows > 0) {
          pruned.push({ file, rowStart, rowEnd });
          hasGap = true;
        } else if (!isPruned) {
          if (hasGap && rowGroups.length > 0) afterGaps.add(rowGroups.length);
          hasGap = false;
          rowGroups.push({ rows, bytes: rows * 10 });
        }
        rowStart = rowEnd;
      }
      return { rowGroups, afterGaps, layout: "a" };
    });
    const fileRows = all.map((groups) => groups.reduce((sum, { rows }) => sum + rows, 0));
    return { files, fileRows, pruned: joined(pruned) };
  });

/** Joins adjacent slices, as pruning does. */
function joined(slices: readonly FileSlice[]): FileSlice[] {
  const all: FileSlice[] = [];
  for (const slice of slices) {
    const last = all.at(-1);
    if (last?.file !== slice.file || last.rowEnd !== slice.rowStart) all.push(slice);
    else all[all.length - 1] = { ...last, rowEnd: slice.rowEnd };
  }
  return all;
}

function placesOf(rows: DatasetRows): string[] {
  return Array.from({ length: rows.total }, (_, row) => {
    const place = rows.placeOf(row);
    return `${place.file}:${place.row}`;
  });
}

const sample = fc.option(
  fc.record({ share: fc.double({ min: 0.01, max: 1, noNaN: true }), seed: fc.nat() }),
  {
    nil: undefined,
  },
);
const limit = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined });

describe("the rows of a trial", () => {
  test("a trial has only rows that are not pruned, and its shards have exactly these rows", () => {
    fc.assert(
      fc.property(dataset, sample, limit, fc.integer({ min: 1, max: 20 }), (input, sample, limit, rows) => {
        const taken = takeRows(input, { ...(sample && { sample }), ...(limit && { limit }) });
        const all = placesOf(new DatasetRows(input.fileRows, input.pruned));
        const left = new DatasetRows(input.fileRows, input.pruned, taken.skipped);
        const places = placesOf(left);
        expect(left.skipped + left.total).toBe(all.length);
        const wanted = sample === undefined ? all.length : Math.max(1, Math.round(all.length * sample.share));
        expect(places).toHaveLength(all.length === 0 ? 0 : Math.min(wanted, all.length, limit ?? wanted));
        if (sample === undefined) expect(places).toEqual(all.slice(0, limit));
        const planned = taken.files.map(({ rowGroups }) =>
          rowGroups.reduce((sum, { rows }) => sum + rows, 0),
        );
        const perFile = input.fileRows.map(
          (_, file) => places.filter((place) => place.startsWith(`${file}:`)).length,
        );
        expect(planned).toEqual(perFile);
        for (const { rowGroups } of taken.files)
          if (sample !== undefined || limit !== undefined)
            for (const { rows, bytes } of rowGroups) expect([rows > 0, bytes]).toEqual([true, rows * 10]);
        const shards = planShards(taken.files, { shardRows: rows });
        expect(shards.at(-1)?.rowEnd).toBe(left.total);
        for (const { afterGaps, rowGroups } of taken.files)
          for (const index of afterGaps ?? []) expect(index).toBeLessThan(rowGroups.length);
      }),
    );
  });

  test("several stretches of rows in a file are marked with the gaps between them", () => {
    const files = [{ rowGroups: [{ rows: 100, bytes: 1_000 }], layout: "a" }];
    const input = { files, fileRows: [100], pruned: [] };
    const { files: taken, skipped } = takeRows(input, { sample: { share: 0.16, seed: 1 } });
    const [file] = taken;
    const inside = skipped.filter(({ rowStart, rowEnd }) => rowStart > 0 && rowEnd < 100);
    expect(inside.length).toBeGreaterThan(3);
    expect(file?.afterGaps?.size).toBe(inside.length);
    expect(skipped.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0)).toBe(84);
  });

  test("a trial keeps how its files may be cut, so a one-piece file stays in one shard", () => {
    const rowGroups = Array.from({ length: 40 }, () => ({ rows: 1_000, bytes: 1_000_000 }));
    const cut = { isOnePiece: true, slices: 300 };
    const files = [1, 2].map(() => ({ rowGroups, layout: "a", cut }));
    const input = { files, fileRows: [40_000, 40_000], pruned: [] };
    const { files: taken } = takeRows(input, { limit: 79_000 });
    expect(taken.map((file) => file.cut)).toEqual([cut, cut]);
    expect(planShards(taken, { shardRows: "auto" })).toHaveLength(2);
    const apart = taken.map((file) => ({ ...file, cut: { ...cut, isOnePiece: false } }));
    expect(planShards(apart, { shardRows: "auto" }).length).toBeGreaterThan(2);
    expect(planShards(taken, { shardRows: 1_000_000 })).toHaveLength(2);
  });

  test("a job without sample and limit keeps all of its rows", () => {
    const files = [{ rowGroups: [{ rows: 3, bytes: 9 }], layout: "a" }];
    expect(takeRows({ files, fileRows: [3], pruned: [] }, {})).toEqual({ files, skipped: [] });
  });
});
