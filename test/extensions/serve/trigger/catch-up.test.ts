import fc from "fast-check";
import { expect, test } from "vitest";
import { openSchedule, type ScheduleSpec } from "../../../../extensions/serve/spec/schedule.ts";
import type { TimedTrigger } from "../../../../extensions/serve/spec/trigger-spec.ts";
import { decideDue, firstServed } from "../../../../extensions/serve/trigger/trigger-state.ts";

const MINUTE = 60_000;
const LOOK_MS = 10_000;

const schedule = fc.oneof(
  fc
    .integer({ min: 20, max: 7200 })
    .map((seconds): ScheduleSpec => ({ kind: "every", everyMs: seconds * 1000 })),
  fc
    .tuple(
      fc.constantFrom(
        "0 * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0,30 2 * * *",
        "15 */3 * * *",
        "30 1-3 * * *",
      ),
      fc.constantFrom("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"),
    )
    .map(([cron, timeZone]): ScheduleSpec => ({ kind: "cron", cron, timeZone })),
);
/** Start times near changes of the clock, and any others. */
const start = fc.oneof(
  fc
    .constantFrom("2027-03-27T20:00Z", "2027-10-30T20:00Z", "2026-09-05T20:00Z", "2027-10-02T10:00Z")
    .map((text) => Date.parse(text)),
  fc.integer({ min: Date.parse("2026-01-01"), max: Date.parse("2029-01-01") }),
);

test("`catchUp: all` runs every run that was missed while no process served", () => {
  fc.assert(
    fc.property(
      schedule,
      start,
      fc.constantFrom("skip" as const, "queue" as const),
      fc.integer({ min: 1, max: 50 }),
      fc.oneof(fc.integer({ min: 1, max: 180_000 }), fc.integer({ min: 1, max: 400 * MINUTE })),
      (spec, startMs, overlap, looks, awayMs) => {
        const trigger: TimedTrigger = {
          kind: "timed",
          schedule: spec,
          timeZone: "UTC",
          catchUp: "all",
          overlap,
          retries: 0,
        };
        let state = firstServed(trigger, startMs);
        let beforeMs: number | null = null;
        let nowMs = startMs;
        // A first run works all the time.
        for (let look = 0; look < looks; look += 1) {
          nowMs += LOOK_MS;
          state = decideDue(state, trigger, { nowMs, beforeMs });
          beforeMs = nowMs;
        }
        const wentMs = nowMs;
        const backMs = wentMs + awayMs;
        const waiting = decideDue(state, trigger, { nowMs: backMs, beforeMs: null }).waiting;
        const missed: number[] = [];
        const instants = openSchedule(spec);
        for (let at = instants.next(wentMs); at !== null && at <= backMs; at = instants.next(at))
          missed.push(at);
        // More than a year of days is no useful queue: docs/schedules.md.
        fc.pre(state.waiting.length + missed.length <= 366);
        expect(waiting).toEqual([...state.waiting, ...missed]);
      },
    ),
    { numRuns: 300 },
  );
});

test("a run that is due while another works follows `overlap`", () => {
  const trigger: TimedTrigger = {
    kind: "timed",
    schedule: { kind: "every", everyMs: 20_000 },
    timeZone: "UTC",
    catchUp: "all",
    overlap: "skip",
    retries: 0,
  };
  let state = firstServed(trigger, 0);
  for (let nowMs = LOOK_MS; nowMs <= 90_000; nowMs += LOOK_MS)
    state = decideDue(state, trigger, { nowMs, beforeMs: nowMs - LOOK_MS });
  expect(state.waiting).toEqual([20_000]);
});
