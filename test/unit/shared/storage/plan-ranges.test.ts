import fc from "fast-check";
import { expect, test } from "vitest";
import { planRanges } from "../../../../shared/storage/plan-ranges.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;
const range = (start: number, bytes: number) => ({ start, end: start + bytes });

test("ranges with gaps of less than 128 KiB are one request, whatever their order", () => {
  const wanted = [range(300 * KIB, 10 * KIB), range(0, 100 * KIB), range(100 * KIB, 73 * KIB)];
  expect(planRanges(wanted)).toEqual([range(0, 310 * KIB)]);
  expect(planRanges([range(0, KIB), range(129 * KIB - 1, KIB)])).toHaveLength(1);
  expect(planRanges([range(0, KIB), range(129 * KIB, KIB)])).toEqual([range(0, KIB), range(129 * KIB, KIB)]);
});

test("a range of up to 8 MiB is one request, and a larger range is several of similar size", () => {
  expect(planRanges([range(5, 8 * MIB)])).toEqual([range(5, 8 * MIB)]);
  expect(planRanges([range(0, 9 * MIB)])).toEqual([range(0, 4.5 * MIB), range(4.5 * MIB, 4.5 * MIB)]);
  expect(planRanges([range(7, 24 * MIB + 1)]).map(({ start, end }) => end - start)).toEqual([
    6 * MIB,
    6 * MIB,
    6 * MIB,
    6 * MIB + 1,
  ]);
});

test("no ranges and empty ranges need no request", () => {
  expect(planRanges([])).toEqual([]);
  expect(planRanges([range(100, 0)])).toEqual([]);
});

test("each byte is requested once, in requests of at most 8 MiB, with extra bytes only in small gaps", () => {
  const wanted = fc.array(
    fc
      .tuple(fc.nat(100 * MIB), fc.oneof(fc.nat(300 * KIB), fc.nat(30 * MIB)))
      .map(([at, bytes]) => range(at, bytes)),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(wanted, (ranges) => {
      const requests = planRanges(ranges);
      for (const [index, { start, end }] of requests.entries()) {
        expect(end).toBeGreaterThan(start);
        expect(end - start).toBeLessThanOrEqual(8 * MIB);
        const next = requests[index + 1];
        if (next === undefined) continue;
        // Adjacent, or far apart.
        if (next.start !== end) expect(next.start - end).toBeGreaterThanOrEqual(128 * KIB);
      }
      const covered = (at: number) => requests.filter(({ start, end }) => start <= at && at < end).length;
      for (const { start, end } of ranges) {
        if (start === end) continue;
        for (const at of [start, Math.floor((start + end) / 2), end - 1]) expect(covered(at)).toBe(1);
      }
      // Both ends of each request belong to a wanted range.
      for (const { start, end } of requests) {
        const isBegin = !requests.some((other) => other.end === start);
        const isEnd = !requests.some((other) => other.start === end);
        if (isBegin) expect(ranges.some((one) => one.start === start)).toBe(true);
        if (isEnd) expect(ranges.some((one) => one.end === end)).toBe(true);
      }
    }),
  );
});
