import fc from "fast-check";
import { expect, test } from "vitest";
import { DatasetRows } from "../../../../shared/domain/dataset-rows.ts";

const someFiles = fc.array(fc.nat(9), { minLength: 1, maxLength: 12 });

/** The file and the row in it of each row of the dataset, counted out. */
function countOut(fileRows: readonly number[]): { file: number; row: number }[] {
  return fileRows.flatMap((rows, file) => Array.from({ length: rows }, (_, row) => ({ file, row })));
}

test("a row of the dataset is the row of the file that counting gives", () => {
  fc.assert(
    fc.property(someFiles, (fileRows) => {
      const rows = new DatasetRows(fileRows);
      const places = countOut(fileRows);
      expect([rows.files, rows.total]).toEqual([fileRows.length, places.length]);
      expect(places.map((_, row) => rows.placeOf(row))).toEqual(places);
    }),
  );
});

test("a range of rows is its files' rows, in order, each file once, and no file without a row", () => {
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

test("no rows are no rows of the first file", () => {
  const rows = new DatasetRows([0, 0]);
  expect(rows.slicesOf({ rowStart: 0, rowEnd: 0 })).toEqual([{ file: 0, rowStart: 0, rowEnd: 0 }]);
});

test("rows that the dataset does not have are refused", () => {
  const rows = new DatasetRows([3]);
  expect(() => rows.placeOf(3)).toThrow("broken invariant");
  expect(() => rows.slicesOf({ rowStart: 2, rowEnd: 4 })).toThrow("broken invariant");
});
