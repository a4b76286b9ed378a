import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSchedule } from "../../../../extensions/serve/spec/schedule.ts";
import { WallClock } from "../../../../extensions/serve/spec/wall-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Changes of the clock: by an hour, by half an hour, at midnight, in both hemispheres, and none. */
const CHANGES = [
  ["Europe/Berlin", "2027-03-28T01:00Z"],
  ["Europe/Berlin", "2027-10-31T01:00Z"],
  ["America/New_York", "2027-03-14T07:00Z"],
  ["America/New_York", "2027-11-07T06:00Z"],
  ["Australia/Lord_Howe", "2027-10-02T15:30Z"],
  ["Australia/Lord_Howe", "2027-04-03T15:00Z"],
  ["America/Santiago", "2026-09-06T04:00Z"],
  ["Africa/Cairo", "2026-04-23T22:00Z"],
  ["Asia/Kathmandu", "2027-03-28T01:00Z"],
] as const;

/** A list, a range or a step, without wildcards. */
const times = (most: number) =>
  fc.oneof(
    fc.uniqueArray(fc.integer({ min: 0, max: most }), { minLength: 1, maxLength: 3 }).map((list) => ({
      text: list.join(","),
      has: (value: number) => list.includes(value),
    })),
    fc.tuple(fc.integer({ min: 0, max: most }), fc.integer({ min: 0, max: 3 })).map(([start, more]) => {
      const end = Math.min(most, start + more);
      return { text: `${start}-${end}`, has: (value: number) => start <= value && value <= end };
    }),
  );

describe("a schedule around a change of the clock", () => {
  test.each(CHANGES)(
    "in %s at %s, a schedule has each time that the wall clock shows, and each skipped time",
    (timeZone, at) => {
      const wall = new Intl.DateTimeFormat("en-GB", {
        timeZone,
        hour: "2-digit",
        minute: "2-digit",
        hourCycle: "h23",
      });
      const minuteOf = (atMs: number) => {
        const [hour = 0, minute = 0] = wall.format(atMs).split(":").map(Number);
        return hour * 60 + minute;
      };
      const [from, to] = [Date.parse(at) - 30 * HOUR, Date.parse(at) + 30 * HOUR];
      const shown = Array.from({ length: (to - from) / MINUTE }, (_, index) =>
        minuteOf(from + index * MINUTE),
      );
      fc.assert(
        fc.property(times(59), times(23), (minute, hour) => {
          const fits = (value: number) => minute.has(value % 60) && hour.has(Math.floor(value / 60));
          const must = new Set<number>();
          const may = new Set<number>();
          const seen: number[] = [];
          shown.forEach((value, index) => {
            const now = from + index * MINUTE;
            const isAgain = seen.slice(-180).includes(value);
            seen.push(value);
            if (fits(value)) (isAgain ? may : must).add(now);
            const before = shown[index - 1] ?? value - 1;
            const skipped = (value - before + 1440) % 1440;
            const isForward = skipped > 1 && skipped < 720;
            if (
              isForward &&
              Array.from({ length: skipped - 1 }, (_, k) => (before + 1 + k) % 1440).some(fits)
            )
              must.add(now);
          });
          const schedule = openSchedule({
            kind: "cron",
            cron: `${minute.text} ${hour.text} * * *`,
            timeZone,
          });
          const found: number[] = [];
          for (let next = schedule.next(from - 1); next !== null && next < to; next = schedule.next(next))
            found.push(next);
          expect(found.filter((one) => !must.has(one) && !may.has(one))).toEqual([]);
          expect([...must].filter((one) => !found.includes(one))).toEqual([]);
          expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
        }),
        { numRuns: 40 },
      );
    },
  );
});

test("WallClock shows the same time as Intl, and detects skipped times", () => {
  const zone = fc.constantFrom(...CHANGES.map(([name]) => name));
  fc.assert(
    fc.property(
      zone,
      fc.date({ min: new Date("2000-01-01"), max: new Date("2040-01-01"), noInvalidDate: true }),
      (timeZone, date) => {
        const clock = new WallClock(timeZone);
        const at = Math.floor(date.getTime() / 1000) * 1000;
        const text = date.toLocaleString("sv", { timeZone });
        expect(clock.shown(at)).toBe(Date.parse(`${text.replace(" ", "T")}Z`));
        expect(clock.skips(clock.shown(at))).toBeNull();
      },
    ),
  );
  expect(new WallClock("Europe/Berlin").skips(Date.UTC(2027, 2, 28, 2, 30))).toBe(
    Date.parse("2027-03-28T01:00Z"),
  );
});
