import { Cron } from "croner";
import { MS_OF } from "../../../shared/core/units.ts";
import { WallClock } from "./wall-clock.ts";

/** Schedule of a trigger: `trigger.cron` or `trigger.every`. */
export type ScheduleSpec =
  | { readonly kind: "cron"; readonly cron: string; readonly timeZone: string }
  | { readonly kind: "every"; readonly everyMs: number };

/**
 * Instants at which a trigger fires, in milliseconds since 1970. The instants depend on the schedule only,
 * not on a clock. Every process computes the same instants, also after a restart.
 */
export interface Schedule {
  /** Returns the first instant after a time. Null: none follows. */
  next(afterMs: number): number | null;
  /** Returns the last instant at or before a time. Null: none within the previous {@link LOOK_BACK_MS}. */
  last(atMs: number): number | null;
}

/** Four years and a day, which contain an instant even of a schedule for 29 February. */
const LOOK_BACK_MS = 1_462 * MS_OF.d;

/** @throws {Error} when `cron` or the time zone is invalid: `cronProblem` returns the reason */
export function openSchedule(spec: ScheduleSpec): Schedule {
  return spec.kind === "every" ? evenly(spec.everyMs) : byCron(spec);
}

const FIELDS = 5;

/** Returns what is wrong with a cron expression. Null: it is valid. */
export function cronProblem(cron: string): string | null {
  // The library would accept a date as an expression that fires once.
  if (/^\s*\d{4}-/.test(cron)) return "is a date, which occurs once";
  // Quartz has seconds in front, and AWS has a year at the end.
  const fields = cron.trim().split(/\s+/);
  if (fields.length > FIELDS)
    return `has ${fields.length} fields instead of ${FIELDS}: minute, hour, day, month and day of the week`;
  try {
    const found = new Cron(cron, { timezone: "UTC" });
    return found.nextRun(new Date(0)) === null ? "names a time that never occurs" : null;
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

/** Returns an even schedule, counted from 1970-01-01T00:00Z. No start time has to be remembered. */
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
    // A local time that the clock skips is due when the clock goes forward. Several such times fire once.
    const missing = shown?.nextRun(new Date(clock.shown(afterMs))) ?? null;
    const due = missing === null ? null : clock.skips(missing.getTime());
    return due !== null && due > afterMs && (found === null || due < found) ? due : found;
  };
  return { next, last: (atMs) => lastBy(next, atMs) };
}

/** True for an expression of certain hours. An hourly expression needs no instant for a skipped hour. */
function namesHours(cron: string): boolean {
  const [minute = "", hour = ""] = cron.trim().split(/\s+/);
  return minute.startsWith("@") ? minute !== "@hourly" : !/^[*?]/.test(hour);
}

/**
 * Finds the last instant with `next` only, which handles time zones correctly. Bisects: for a later argument,
 * `next` is never earlier.
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
