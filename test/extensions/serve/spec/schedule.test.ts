import { describe, expect, it, test } from "vitest";
import {
  cronProblem,
  isTimeZone,
  openSchedule,
  type ScheduleSpec,
} from "../../../../extensions/serve/spec/schedule.ts";

const cron = (text: string, timeZone = "UTC") => openSchedule({ kind: "cron", cron: text, timeZone });

/** Returns the first instants after `from`, in UTC, to the minute. */
function instants(spec: ScheduleSpec, from: string, count: number): string[] {
  const schedule = openSchedule(spec);
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; ) {
    const next = schedule.next(at);
    if (next === null) break;
    found.push(new Date(next).toISOString().slice(0, 16));
    at = next;
  }
  return found;
}

describe("a cron schedule when clocks change", () => {
  // As in vixie cron: a skipped time runs after the change of the clock, and a repeated time runs once.
  test.each([
    {
      what: "a daily time in the skipped hour runs right after the change",
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      from: "2026-03-28T00:00Z",
      are: ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
    },
    {
      what: "a daily time in the repeated hour runs once, at its first occurrence",
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      from: "2026-10-24T12:00Z",
      are: ["2026-10-25T00:30", "2026-10-26T01:30"],
    },
    {
      what: "an hourly schedule runs in both repeated hours",
      cron: "0 * * * *",
      timeZone: "Europe/Berlin",
      from: "2026-10-24T23:30Z",
      are: ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
    },
    {
      what: "an hourly schedule has no run for the skipped hour and no additional run",
      cron: "15 * * * *",
      timeZone: "America/New_York",
      from: "2026-03-08T05:30Z",
      are: ["2026-03-08T06:15", "2026-03-08T07:15", "2026-03-08T08:15"],
    },
    {
      what: "a skipped half hour is handled like a skipped hour",
      cron: "15 2 * * *",
      timeZone: "Australia/Lord_Howe",
      from: "2026-10-02T00:00Z",
      are: ["2026-10-02T15:45", "2026-10-03T15:30", "2026-10-04T15:15"],
    },
    {
      what: "several times in the skipped hour run once, right after the change",
      cron: "0,30 2 * * *",
      timeZone: "Europe/Berlin",
      from: "2027-03-27T01:20Z",
      are: ["2027-03-27T01:30", "2027-03-28T01:00", "2027-03-29T00:00", "2027-03-29T00:30"],
    },
    {
      what: "one skipped hour of several runs right after the change",
      cron: "30 1-3 * * *",
      timeZone: "Europe/Berlin",
      from: "2027-03-28T00:00Z",
      are: ["2027-03-28T00:30", "2027-03-28T01:00", "2027-03-28T01:30", "2027-03-28T23:30"],
    },
    {
      what: "a skipped time has no run where the hours begin with a wildcard",
      cron: "0 */2 * * *",
      timeZone: "Europe/Berlin",
      from: "2026-03-28T22:30Z",
      are: ["2026-03-28T23:00", "2026-03-29T02:00", "2026-03-29T04:00"],
    },
    {
      what: "a skipped day has no run where the hours begin with a wildcard",
      cron: "0 */8,9 30 12 *",
      timeZone: "Pacific/Apia",
      from: "2011-12-29T00:00Z",
      are: ["2012-12-29T10:00"],
    },
    {
      what: "a schedule in UTC is not affected",
      cron: "30 2 * * *",
      timeZone: "UTC",
      from: "2026-03-28T00:00Z",
      are: ["2026-03-28T02:30", "2026-03-29T02:30", "2026-03-30T02:30"],
    },
    {
      what: "a day of the month or a day of the week matches, as in POSIX",
      cron: "0 0 13 * 5",
      timeZone: "UTC",
      from: "2026-11-06T00:00Z",
      are: [
        "2026-11-13T00:00",
        "2026-11-20T00:00",
        "2026-11-27T00:00",
        "2026-12-04T00:00",
        "2026-12-11T00:00",
        "2026-12-13T00:00",
      ],
    },
  ])("$what", ({ cron: text, timeZone, from, are }) => {
    expect(instants({ kind: "cron", cron: text, timeZone }, from, are.length)).toEqual(are);
  });
});

const MINUTE = 60_000;
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"];

/** Finds instants of an hour and a minute by checking the wall clock in every minute of a month. */
function byLooking(hour: number | null, minute: number, timeZone: string, fromMs: number, toMs: number) {
  const wall = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const two = (value: number) => String(value).padStart(2, "0");
  const found: number[] = [];
  for (let at = fromMs; at < toMs; at += MINUTE) {
    const shown = wall.format(at);
    if (hour === null ? shown.endsWith(`:${two(minute)}`) : shown === `${two(hour)}:${two(minute)}`)
      found.push(at);
  }
  return found;
}

describe.each(ZONES)("schedules in %s", (timeZone) => {
  const [from, to] = [Date.parse("2026-03-20T00:00Z"), Date.parse("2026-04-12T00:00Z")];

  test.each([
    { hour: 12, minute: 5 },
    { hour: 23, minute: 59 },
    { hour: null, minute: 20 },
  ])("$hour:$minute occurs exactly when the wall clock shows it", ({ hour, minute }) => {
    const schedule = cron(`${minute} ${hour ?? "*"} * * *`, timeZone);
    const found: number[] = [];
    for (let at = schedule.next(from - 1); at !== null && at < to; at = schedule.next(at)) found.push(at);
    expect(found).toEqual(byLooking(hour, minute, timeZone, from, to));
  });

  it("`last` finds the same instants as `next`", () => {
    for (const text of ["30 2 * * *", "15 */6 * * *", "0 4 * * 1"]) {
      const schedule = cron(text, timeZone);
      let before = schedule.last(from);
      for (let at = schedule.next(from); at !== null && at < to; at = schedule.next(at)) {
        expect(schedule.last(at - 1)).toBe(before);
        expect(schedule.last(at)).toBe(at);
        before = at;
      }
    }
  });
});

it("`every` is counted from 1970", () => {
  const schedule = openSchedule({ kind: "every", everyMs: 15 * MINUTE });
  const noon = Date.parse("2026-11-28T12:00Z");
  expect([
    schedule.next(noon - 1),
    schedule.next(noon),
    schedule.last(noon),
    schedule.last(noon - 1),
  ]).toEqual([noon, noon + 15 * MINUTE, noon, noon - 15 * MINUTE]);
});

it("a day that occurs every four years is found before and after", () => {
  const leap = cron("0 0 29 2 *");
  const now = Date.parse("2026-11-28T12:00Z");
  expect(new Date(leap.last(now) ?? 0).toISOString()).toBe("2024-02-29T00:00:00.000Z");
  expect(new Date(leap.next(now) ?? 0).toISOString()).toBe("2028-02-29T00:00:00.000Z");
});

test.each([
  ["30 2 * * *", null],
  ["@hourly", null],
  ["0 0 L * *", null],
  ["*/10 * * * * *", "has 6 fields"],
  ["0 0 12 1 1 * 2027", "has 7 fields"],
  ["0 0 30 2 *", "never occurs"],
  ["61 * * * *", "minute"],
  ["* * *", "exactly five"],
  ["2026-10-10T00:00:00", "is a date"],
])("the problem of the cron text %s is %s", (text, expected) => {
  if (expected === null) expect(cronProblem(text)).toBeNull();
  else expect(cronProblem(text)).toContain(expected);
});

test.each([
  ["Europe/Berlin", true],
  ["UTC", true],
  ["Mars/Olympus", false],
])("%s is a time zone: %s", (name, expected) => {
  expect(isTimeZone(name)).toBe(expected);
});
