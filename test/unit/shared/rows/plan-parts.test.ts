import fc from "fast-check";
import { expect, test } from "vitest";
import { planParts, stretchOf } from "../../../../shared/rows/plan-parts.ts";
import type { PartRange } from "../../../../shared/rows/read-ranges.ts";

const stretch = fc.record({
  rowStart: fc.nat(9),
  rows: fc.nat(50),
  rowBytes: fc.double({ min: 0, max: 40, noNaN: true }),
});
const limit = fc.option(fc.integer({ min: 1, max: 60 }));
const rowsOf = (part: readonly PartRange[]) =>
  part.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0);

test("every row is in one part, in order, and each part is as long as the limits allow", () => {
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 8 }), limit, limit, (given, rows, bytes) => {
      const stretches = given.map((each, source) => ({ ...each, source, rowEnd: each.rowStart + each.rows }));
      const parts = planParts(stretches, { rows, bytes });
      const all = parts
        .flat()
        .flatMap(({ source, rowStart, rowEnd }) =>
          Array.from({ length: rowEnd - rowStart }, (_, at) => `${source}:${rowStart + at}`),
        );
      const wanted = stretches.flatMap(({ source, rowStart, rows: own }) =>
        Array.from({ length: own }, (_, at) => `${source}:${rowStart + at}`),
      );
      expect(all).toEqual(wanted);
      const bytesOf = (part: readonly PartRange[]) =>
        part.reduce(
          (sum, { source, rowStart, rowEnd }) =>
            sum + (rowEnd - rowStart) * (stretches[source]?.rowBytes ?? 0),
          0,
        );
      for (const [at, part] of parts.entries()) {
        expect(rowsOf(part)).toBeGreaterThan(0);
        if (rows !== null) expect(rowsOf(part)).toBeLessThanOrEqual(rows);
        if (bytes !== null && rowsOf(part) > 1) expect(bytesOf(part)).toBeLessThanOrEqual(bytes + 1e-6);
        const next = parts[at + 1]?.[0];
        if (next === undefined) continue;
        const isFull = rows !== null && rowsOf(part) === rows;
        const one = stretches[next.source]?.rowBytes ?? 0;
        expect(isFull || (bytes !== null && bytesOf(part) + one > bytes - 1e-6)).toBe(true);
      }
    }),
  );
});

test("small files are joined, and large files are cut", () => {
  const of = (...rows: number[]) =>
    rows.map((own, source) => stretchOf({ rows: own, bytes: 10 * own }, source));
  expect(planParts(of(3, 4, 5), { rows: 6, bytes: null }).map(rowsOf)).toEqual([6, 6]);
  expect(planParts(of(20), { rows: null, bytes: 80 }).map(rowsOf)).toEqual([8, 8, 4]);
  expect(planParts(of(2), { rows: null, bytes: 1 }).map(rowsOf)).toEqual([1, 1]);
  expect(planParts(of(0, 0), { rows: 6, bytes: null })).toEqual([]);
});
