import { openSchedule } from "./schedule.ts";
import type { TimedTrigger } from "./trigger-spec.ts";
import { WallClock } from "./wall-clock.ts";

/** Instant at which a trigger fires. */
export interface Firing {
  readonly atMs: number;
  /** Name of the run's folder, such as `20261128T013000Z`. In UTC, so names sort by time. */
  readonly id: string;
}

export function firingAt(atMs: number): Firing {
  const id = new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replace(/[-:]/g, "");
  return { atMs, id };
}

/** Parses a firing's id, or a time with an offset (`2026-11-28T02:30+01:00`). Null: it is neither. */
export function parseFiringMs(text: string): number | null {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const time = year === undefined ? text : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(time)) return null;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? null : ms;
}

export function isScheduled({ schedule }: TimedTrigger, atMs: number): boolean {
  return openSchedule(schedule).next(atMs - 1) === atMs;
}

/** Upcoming firing, with its local time in the trigger's time zone. */
export interface NextFiring extends Firing {
  readonly time: string;
}

/** Returns the first firings after an instant, in order. */
export function nextFirings(
  { schedule, timeZone }: TimedTrigger,
  afterMs: number,
  count: number,
): NextFiring[] {
  const instants = openSchedule(schedule);
  const found: NextFiring[] = [];
  for (let at = instants.next(afterMs); at !== null && found.length < count; at = instants.next(at)) {
    const firing = firingAt(at);
    found.push({ ...firing, time: runVariables(firing, timeZone).RUN_TIME });
  }
  return found;
}

/** Names of `${...}` variables in a scheduled job file. */
const RUN_VARIABLES = ["RUN_ID", "RUN_TIME", "RUN_DATE", "RUN_HOUR", "RUN_YESTERDAY"] as const;

/**
 * Returns the variables of a run, in the trigger's time zone. `RUN_TIME` is `2026-11-28T02:30:00+01:00`,
 * `RUN_DATE` its day, `RUN_HOUR` its hour (`02`), `RUN_YESTERDAY` the previous day.
 */
export function runVariables(
  { atMs, id }: Firing,
  timeZone: string,
): Readonly<Record<(typeof RUN_VARIABLES)[number], string>> {
  const localMs = new WallClock(timeZone).shown(atMs);
  const local = new Date(localMs).toISOString();
  const day = local.slice(0, 10);
  return {
    RUN_ID: id,
    RUN_TIME: `${local.slice(0, 19)}${offsetText(localMs - atMs)}`,
    RUN_DATE: day,
    RUN_HOUR: local.slice(11, 13),
    RUN_YESTERDAY: new Date(Date.parse(`${day}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10),
  };
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

function offsetText(ms: number): string {
  const minutes = Math.abs(ms) / MINUTE_MS;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${ms < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}
