import { Cron } from "croner";
import { MS_OF } from "../../../shared/core/units.ts";
import { WallClock } from "./wall-clock.ts";

/** What the instants of a trigger are computed by: `trigger.cron`, or `trigger.every`. */
export type ScheduleSpec =
  | { readonly kind: "cron"; readonly cron: string; readonly timeZone: string }
  | { readonly kind: "every"; readonly everyMs: number };

/**
 * The instants at which a trigger fires, in milliseconds since 1970. They hang on nothing but the schedule:
 * no clock is read, and whoever computes them again, after a restart or elsewhere, gets the same ones.
 */
export interface Schedule {
  /** The first one after an instant; null where none comes. */
  next(afterMs: number): number | null;
  /** The last one at an instant or before; null where there was none in the {@link LOOK_BACK_MS} before. */
  last(atMs: number): number | null;
}

/** Four years and a day: a schedule of 29 February alone has one in between. */
const LOOK_BACK_MS = 1_462 * MS_OF.d;

/** @throws {Error} for a `cron` that cannot be read, or a time zone that is none: `cronProblem` says which */
export function openSchedule(spec: ScheduleSpec): Schedule {
  return spec.kind === "every" ? evenly(spec.everyMs) : byCron(spec);
}

const FIELDS = 5;

/** What is wrong with a cron expression; null for nothing. */
export function cronProblem(cron: string): string | null {
  // It would take a date for an expression that fires once.
  if (/^\s*\d{4}-/.test(cron)) return "is a date, which comes once";
  // Quartz puts seconds first, and AWS the year last.
  const fields = cron.trim().split(/\s+/);
  if (fields.length > FIELDS)
    return `has ${fields.length} fields, and minute, hour, day, month and day of the week are ${FIELDS}`;
  try {
    const found = new Cron(cron, { timezone: "UTC" });
    return found.nextRun(new Date(0)) === null ? "names a time that never comes" : null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^CronPattern: /, "") : String(error);
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Counted from 1970-01-01T00:00Z: nothing has to be remembered of when it began. */
function evenly(everyMs: number): Schedule {
  return {
    next: (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs,
    last: (atMs) => Math.floor(atMs / everyMs) * everyMs,
  };
}

function byCron({ cron, timeZone }: Extract<ScheduleSpec, { kind: "cron" }>): Schedule {
  const pattern = new Cron(cron, { timezone: timeZone });
  const shown = namesHours(cron) ? new Cron(cron, { timezone: "UTC" }) : null;
  const clock = new WallClock(timeZone);
  const next = (afterMs: number) => {
    const found = pattern.nextRun(new Date(afterMs))?.getTime() ?? null;
    // A time that the clock skips is due as the clock goes on. Of several at once the first stands for all.
    const missing = shown?.nextRun(new Date(clock.shown(afterMs))) ?? null;
    const due = missing === null ? null : clock.skips(missing.getTime());
    return due !== null && due > afterMs && (found === null || due < found) ? due : found;
  };
  return { next, last: (atMs) => lastBy(next, atMs) };
}

/** True for an expression of certain hours: one of every hour has nothing to make up for. */
function namesHours(cron: string): boolean {
  const [minute = "", hour = ""] = cron.trim().split(/\s+/);
  return minute.startsWith("@") ? minute !== "@hourly" : !/^[*?]/.test(hour);
}

/**
 * By `next` alone, which is right about time zones. From an instant that has another one behind it by then,
 * half of what is left is leapt over at a time, since with a later instant the next one is never earlier.
 */
function lastBy(next: Schedule["next"], atMs: number): number | null {
  const comeBy = (afterMs: number) => {
    const found = next(afterMs);
    return found !== null && found <= atMs ? found : null;
  };
  let found: number | null = null;
  for (let back: number = MS_OF.m; found === null; back *= 4) {
    found = comeBy(atMs - Math.min(back, LOOK_BACK_MS));
    if (back >= LOOK_BACK_MS) break;
  }
  if (found === null) return null;
  for (let last = found, none = atMs; ; ) {
    const middle = Math.floor((last + none) / 2);
    const later = comeBy(middle);
    if (later !== null) last = later;
    else if (comeBy(last) === null) return last;
    else none = middle;
  }
}
