import fc from "fast-check";
import { expect, test } from "vitest";
import { asDeleted, RowsLeft } from "../../../extensions/lake/op.ts";

const FILE_ROWS = 60_000;

/** Stretches of deleted rows by their gaps and lengths, short ones and long ones. */
const stretchesOf = fc
  .array(
    fc.tuple(
      fc.oneof(fc.nat(3), fc.nat(9_000)),
      fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 20_000 })),
    ),
    { maxLength: 12 },
  )
  .map((parts) => {
    let end = 0;
    return parts.flatMap(([gap, rows], at) => {
      const start = end + gap + (at === 0 ? 0 : 1);
      end = start + rows;
      return end <= FILE_ROWS ? [{ start, end }] : [];
    });
  });

function leftOf(stretches: readonly { start: number; end: number }[]): number[] {
  const isDeleted = new Uint8Array(FILE_ROWS);
  for (const { start, end } of stretches) isDeleted.fill(1, start, end);
  return Array.from(isDeleted.keys()).filter((row) => isDeleted[row] === 0);
}

const textOf = (stretches: readonly { start: number; end: number }[]) => asDeleted(stretches).stretches;

test("each row that is left is the row of the file that a list of all rows has", () => {
  const check = (stretches: readonly { start: number; end: number }[]) => {
    const left = leftOf(stretches);
    const rows = new RowsLeft({ stretches: textOf(stretches) });
    for (let at = 0; at < left.length; at += 97) expect(rows.rowOf(at)).toBe(left[at]);
    for (const row of [0, 1, ...stretches.flatMap(({ start, end }) => [start, end - 1, end]), FILE_ROWS])
      expect(rows.countBefore(row)).toBe(left.filter((each) => each < row).length);
  };
  fc.assert(fc.property(stretchesOf, check), { numRuns: 60 });
});

test("the ranges of rows that are left are complete, and long stretches are not read", () => {
  const check = (stretches: readonly { start: number; end: number }[], from: number, count: number) => {
    const left = leftOf(stretches);
    const rows = new RowsLeft({ stretches: textOf(stretches) });
    const [start, end] = [Math.min(from, left.length), Math.min(from + count, left.length)];
    const read = rows.rangesToRead(start, end);
    const found = read.flatMap((range) => rows.rangesIn(range.start, range.end));
    expect(found.flatMap((range) => rowsIn(range))).toEqual(left.slice(start, end));
    const unread = read.slice(1).map((range, at) => range.start - (read[at]?.end ?? 0));
    expect(Math.min(...unread, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(8_192);
    const long = found.slice(1).filter((range, at) => range.start - (found[at]?.end ?? 0) >= 8_192);
    expect(read).toHaveLength(start === end ? 0 : long.length + 1);
  };
  fc.assert(fc.property(stretchesOf, fc.nat(FILE_ROWS), fc.nat(30_000), check), { numRuns: 60 });
});

test("a cut to some rows gives the same rows of the file, in no more than its own stretches", () => {
  const check = (stretches: readonly { start: number; end: number }[], from: number, count: number) => {
    const left = leftOf(stretches);
    const [start, end] = [Math.min(from, left.length), Math.min(from + count, left.length)];
    const cut = new RowsLeft({ stretches: new RowsLeft({ stretches: textOf(stretches) }).cut(start, end) });
    for (let at = start; at < end; at += 1 + Math.floor((end - start) / 200))
      expect(cut.rowOf(at)).toBe(left[at]);
    if (end > start) expect(cut.rowOf(end - 1)).toBe(left[end - 1]);
    const ranges = cut.rangesToRead(start, end).flatMap((range) => cut.rangesIn(range.start, range.end));
    expect(ranges.flatMap((range) => rowsIn(range))).toEqual(left.slice(start, end));
  };
  fc.assert(fc.property(stretchesOf, fc.nat(FILE_ROWS), fc.nat(5_000), check), { numRuns: 60 });
});

test("a lease of few rows has few of the stretches of a large vector", () => {
  const every = Array.from({ length: 200_000 }, (_, at) => ({ start: 7 * at, end: 7 * at + 1 }));
  const whole = textOf(every);
  const cut = new RowsLeft({ stretches: whole }).cut(600_000, 600_600);
  expect(whole.length).toBeGreaterThan(500_000);
  expect(cut.length).toBeLessThan(400);
});

function rowsIn({ start, end }: { readonly start: number; readonly end: number }): number[] {
  return Array.from({ length: end - start }, (_, at) => start + at);
}
