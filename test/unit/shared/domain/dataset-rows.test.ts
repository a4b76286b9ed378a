import fc from "fast-check";
import { expect, test } from "vitest";
import { DatasetRows, type FileSlice } from "../../../../shared/domain/dataset-rows.ts";

const someFiles = fc.array(fc.nat(9), { minLength: 1, maxLength: 12 });

/** Counts out the file, and the row in it, of each row of the dataset. */
function countOut(fileRows: readonly number[]): { file: number; row: number }[] {
  return fileRows.flatMap((rows, file) => Array.from({ length: rows }, (_, row) => ({ file, row })));
}

test("a row of the dataset is in the file and at the row that counting gives", () => {
  fc.assert(
    fc.property(someFiles, (fileRows) => {
      const rows = new DatasetRows(fileRows);
      const places = countOut(fileRows);
      expect([rows.total, rows.pruned]).toEqual([places.length, 0]);
      expect(places.map((_, row) => rows.placeOf(row))).toEqual(places);
    }),
  );
});

test("a range of rows has its files' rows in order, each file once and no file without rows", () => {
  fc.assert(
    fc.property(someFiles, fc.nat(120), fc.nat(120), (fileRows, one, other) => {
      const places = countOut(fileRows);
      const rowStart = Math.min(one, other, places.length);
      const rowEnd = Math.min(Math.max(one, other), places.length);
      fc.pre(rowStart < rowEnd);
      const slices = new DatasetRows(fileRows).slicesOf({ rowStart, rowEnd });
      const found = slices.flatMap(({ file, rowStart: from, rowEnd: to }) =>
        Array.from({ length: to - from }, (_, index) => ({ file, row: from + index })),
      );
      expect(found).toEqual(places.slice(rowStart, rowEnd));
      expect(new Set(slices.map(({ file }) => file)).size).toBe(slices.length);
      expect(slices.every((slice) => slice.rowStart < slice.rowEnd)).toBe(true);
    }),
  );
});

test("an empty range is an empty slice of the first file", () => {
  const rows = new DatasetRows([0, 0]);
  expect(rows.slicesOf({ rowStart: 0, rowEnd: 0 })).toEqual([{ file: 0, rowStart: 0, rowEnd: 0 }]);
});

test("rows outside the dataset are refused", () => {
  const rows = new DatasetRows([3]);
  expect(() => rows.placeOf(3)).toThrow("broken invariant");
  expect(() => rows.slicesOf({ rowStart: 2, rowEnd: 4 })).toThrow("broken invariant");
});

/** Files with pruned slices, in order and with gaps. */
const prunedFiles = someFiles.chain((fileRows) =>
  fc.tuple(
    fc.constant(fileRows),
    fc
      .tuple(...fileRows.map((rows) => fc.array(fc.boolean(), { minLength: rows, maxLength: rows })))
      .map((flags) => flags.flatMap((file, index) => stretches(file, index))),
  ),
);

function stretches(flags: readonly boolean[], file: number) {
  const found: { file: number; rowStart: number; rowEnd: number }[] = [];
  for (const [row, isPruned] of flags.entries()) {
    const last = found.at(-1);
    if (!isPruned) continue;
    if (last?.rowEnd === row) last.rowEnd = row + 1;
    else found.push({ file, rowStart: row, rowEnd: row + 1 });
  }
  return found;
}

test("pruned rows are counted and are in no range of rows", () => {
  fc.assert(
    fc.property(prunedFiles, fc.nat(120), fc.nat(120), ([fileRows, pruned], one, other) => {
      const isPruned = ({ file, row }: { file: number; row: number }) =>
        pruned.some((gap) => gap.file === file && gap.rowStart <= row && row < gap.rowEnd);
      const places = countOut(fileRows).filter((place) => !isPruned(place));
      const rows = new DatasetRows(fileRows, pruned);
      expect([rows.total, rows.total + rows.pruned]).toEqual([places.length, countOut(fileRows).length]);
      expect(places.map((_, row) => rows.placeOf(row))).toEqual(places);
      const rowStart = Math.min(one, other, places.length);
      const rowEnd = Math.min(Math.max(one, other), places.length);
      fc.pre(rowStart < rowEnd);
      const found = rows.slicesOf({ rowStart, rowEnd }).flatMap(({ file, rowStart: from, rowEnd: to }) => {
        expect(from).toBeLessThan(to);
        return Array.from({ length: to - from }, (_, index) => ({ file, row: from + index }));
      });
      expect(found).toEqual(places.slice(rowStart, rowEnd));
    }),
  );
});

test.for([
  ["rows that are pruned twice", [0, 2, 1, 3]],
  ["rows beyond the end of the file", [3, 5]],
  ["an empty range", [1, 1]],
] as const)("invalid pruned rows are refused: %s", ([, bounds]) => {
  const pruned: FileSlice[] = [];
  for (let at = 0; at < bounds.length; at += 2)
    pruned.push({ file: 0, rowStart: bounds[at] ?? 0, rowEnd: bounds[at + 1] ?? 0 });
  expect(() => new DatasetRows([4], pruned)).toThrow("broken invariant");
});
