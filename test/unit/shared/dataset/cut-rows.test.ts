import { Table } from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import { cutRows, cutTable } from "../../../../shared/dataset/cut-rows.ts";
import { everyType } from "../../../support/sample-table.ts";

it("rows are cut in order and without gaps, into pieces as long as the limits allow", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 200 }),
      (row, rows, bytes) => {
        const bytesOf = (start: number, end: number) => row.slice(start, end).reduce((a, b) => a + b, 0);
        const pieces = cutRows(row.length, { rows, bytes }, bytesOf);
        expect(pieces[0]?.start).toBe(0);
        expect(pieces.at(-1)?.end).toBe(row.length);
        for (const [index, { start, end }] of pieces.entries()) {
          const next = pieces[index + 1];
          expect(end).toBeGreaterThan(start);
          expect(end - start).toBeLessThanOrEqual(rows);
          if (end - start > 1) expect(bytesOf(start, end)).toBeLessThanOrEqual(bytes);
          if (next === undefined) continue;
          expect(next.start).toBe(end);
          expect(end - start === rows || bytesOf(start, end + 1) > bytes).toBe(true);
        }
      },
    ),
  );
});

it("no rows make one empty piece", () => {
  expect(cutRows(0, { rows: 10, bytes: 10 }, () => 0)).toEqual([{ start: 0, end: 0 }]);
});

it("a table is cut at the same rows, whatever its record batches", () => {
  const table = everyType(203);
  const starts = [0, 1, 8, 77, 150];
  const inPieces = new Table(
    table.schema,
    starts.flatMap((start, at) => table.slice(start, starts[at + 1]).batches),
  );
  for (const bytes of [1, 1_000, 5_000, 1_000_000]) {
    const pieces = cutTable(table, { rows: 100, bytes });
    expect(cutTable(inPieces, { rows: 100, bytes })).toEqual(pieces);
    expect(pieces.length).toBeGreaterThanOrEqual(3);
  }
});
