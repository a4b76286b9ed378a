import type { JobId } from "../../../shared/domain/job-id.ts";
import { openSchedule, type Schedule } from "../spec/schedule.ts";
import type { TimedTrigger } from "../spec/trigger-spec.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** What became of the instants of a schedule: what `serve` remembers of a job. */
export interface TriggerState {
  /** What the instants were computed by. Of another schedule nothing was missed. */
  readonly schedule: string;
  /** The last instant that is decided: up to it each one waits, has run, or was left out. */
  readonly decidedMs: number;
  /** Instants that are to run, in their order. The first may be at work. */
  readonly waiting: readonly number[];
  /** What became of the last ones, in the order in which it was known. */
  readonly past: readonly PastFiring[];
  /** The first of those that wait has failed, and is begun again. Left out: it has not. */
  readonly retry?: Retry;
}

export interface Retry {
  readonly atMs: number;
  /** Times that it failed. */
  readonly failures: number;
  readonly notBeforeMs: number;
  readonly jobId: JobId | null;
  /** Why it failed last. */
  readonly reason: string | null;
}

export type PastFiring = RanFiring | LeftOut;

export interface RanFiring extends Omit<RunOutcome, "failure"> {
  readonly kind: "ran";
  readonly atMs: number;
  /** Why it failed, for people. Null of others. */
  readonly reason: string | null;
  readonly endedMs: number;
}

/** Instants one after the other that did not run, for one reason. */
interface LeftOut {
  readonly kind: "leftOut";
  readonly atMs: number;
  /** The last of them. */
  readonly untilMs: number;
  readonly why: Why;
}

/**
 * `missed`: nothing served the job then, and `catchUp` does not ask for it. `overlap`: an earlier run had not
 * ended. `full`: too many wait. `ranBefore`: the clock was set back to before a run.
 */
type Why = "missed" | "overlap" | "full" | "ranBefore";

/** How late a firing may be and still be on time: a process that is busy, a machine that wakes up. */
const ON_TIME_MS = 60_000;
/**
 * A clock that is set back by more was wrong before: else a machine that once took the year for 2036 would
 * fire nothing for ten years. By less, what has run is not due again.
 */
const CLOCK_BACK_MS = 3_600_000;
/** A year of days. More would be a queue that nobody wants worked off. */
const MOST_WAITING = 366;
/** Enough to see what went wrong in the last days: what was published stands in its manifests anyway. */
const MOST_PAST = 200;

/** Of a trigger that is served for the first time: what was before is not missed. */
export function firstServed(trigger: TimedTrigger, nowMs: number): TriggerState {
  return { schedule: keyOf(trigger), decidedMs: nowMs, waiting: [], past: [] };
}

/** When instants are decided. */
interface Look {
  readonly nowMs: number;
  /** When the same process looked last; null for its first look. */
  readonly beforeMs: number | null;
}

/**
 * Decides all instants up to now: each is made to wait, or skipped for a reason. The same state where none is
 * due.
 */
export function decideDue(
  before: TriggerState,
  trigger: TimedTrigger,
  { nowMs, beforeMs }: Look,
): TriggerState {
  const state = asOf(before, trigger, nowMs);
  const schedule = openSchedule(trigger.schedule);
  const first = schedule.next(state.decidedMs);
  if (first === null || first > nowMs) return state;
  const newest = schedule.last(nowMs) ?? first;
  const decided = { ...state, decidedMs: newest };
  const chosen = chooseDue({ first, newest, nowMs }, schedule, trigger);
  // Nothing served the job when they came: the process is new, or its machine slept.
  const isCaughtUp = trigger.catchUp === "all" && (beforeMs === null || nowMs - beforeMs > ON_TIME_MS);
  const from = chosen[0] ?? Number.POSITIVE_INFINITY;
  const missed = from > first ? leftOutBefore(from, decided, { first, newest, schedule }) : decided;
  const admitted = chosen.reduce((so, atMs) => admit(so, atMs, { trigger, schedule, isCaughtUp }), missed);
  const rest = schedule.next(chosen.at(-1) ?? newest);
  if (rest === null || rest > newest) return admitted;
  return leaveOut(admitted, { atMs: rest, untilMs: newest, why: "full" }, schedule);
}

/** A failed run is begun again so much later, and after twice as long each time it fails again. */
const RETRY_MS = 60_000;
const MOST_RETRY_MS = 3_600_000;

/** ... or, where it failed and may be tried again, when that is. */
export function noteEnded(state: TriggerState, ran: RanFiring, { retries }: TimedTrigger): TriggerState {
  const { retry, ...rest } = state;
  const failures = (retry?.atMs === ran.atMs ? retry.failures : 0) + 1;
  if (ran.outcome !== "failed" || failures > retries) return noteRan(rest, ran);
  const { atMs, jobId, reason, endedMs } = ran;
  return { ...rest, retry: { atMs, failures, notBeforeMs: endedMs + backOffMs(failures), jobId, reason } };
}

/** How long until a run may begin; 0: now. A clock that was set back makes it wait no longer than ever. */
export function waitOf({ retry }: TriggerState, atMs: number, nowMs: number): number {
  if (retry?.atMs !== atMs) return 0;
  const waitMs = retry.notBeforeMs - nowMs;
  return waitMs > backOffMs(retry.failures) ? 0 : Math.max(0, waitMs);
}

function backOffMs(failures: number): number {
  return Math.min(RETRY_MS * 2 ** (failures - 1), MOST_RETRY_MS);
}

/** What came of the first of those that wait. */
export function noteRan(state: TriggerState, ran: RanFiring): TriggerState {
  return {
    ...state,
    waiting: state.waiting.filter((atMs) => atMs !== ran.atMs),
    past: added(state.past, ran),
  };
}

function asOf(state: TriggerState, trigger: TimedTrigger, nowMs: number): TriggerState {
  const schedule = keyOf(trigger);
  if (state.schedule !== schedule) return { ...state, schedule, decidedMs: nowMs };
  return nowMs < state.decidedMs - CLOCK_BACK_MS ? { ...state, decidedMs: nowMs } : state;
}

interface Due {
  readonly first: number;
  readonly newest: number;
  readonly nowMs: number;
}

/** Those that `catchUp` wants of what is due, in their order. */
function chooseDue({ first, newest, nowMs }: Due, schedule: Schedule, { catchUp }: TimedTrigger): number[] {
  switch (catchUp) {
    case "none":
      return nowMs - newest <= ON_TIME_MS ? [newest] : [];
    case "last":
      return [newest];
    case "all": {
      const found: number[] = [];
      for (let at: number | null = first; at !== null && at <= newest; at = schedule.next(at)) {
        if (found.push(at) >= MOST_WAITING) break;
      }
      return found;
    }
    default:
      return catchUp satisfies never;
  }
}

interface Range {
  readonly first: number;
  readonly newest: number;
  readonly schedule: Schedule;
}

function leftOutBefore(from: number, state: TriggerState, { first, newest, schedule }: Range): TriggerState {
  const untilMs = from > newest ? newest : (schedule.last(from - 1) ?? first);
  return leaveOut(state, { atMs: first, untilMs, why: "missed" }, schedule);
}

interface Admitting {
  readonly trigger: TimedTrigger;
  readonly schedule: Schedule;
  /** A run that is caught up with does not overlap. */
  readonly isCaughtUp: boolean;
}

/** Makes an instant wait, unless something speaks against it. */
function admit(
  state: TriggerState,
  atMs: number,
  { trigger, schedule, isCaughtUp }: Admitting,
): TriggerState {
  const { waiting, past } = state;
  const leave = (why: Why) => leaveOut(state, { atMs, untilMs: atMs, why }, schedule);
  if (waiting.includes(atMs) || past.some((known) => known.kind === "ran" && known.atMs === atMs))
    return leave("ranBefore");
  if (trigger.overlap === "skip" && waiting.length > 0 && !isCaughtUp) return leave("overlap");
  return waiting.length >= MOST_WAITING ? leave("full") : { ...state, waiting: [...waiting, atMs] };
}

/** Of a run of hours that a trigger of seconds overlaps with, it is one line. */
function leaveOut(state: TriggerState, range: Omit<LeftOut, "kind">, schedule: Schedule): TriggerState {
  const { past } = state;
  const last = past.at(-1);
  const goesOn =
    last?.kind === "leftOut" && last.why === range.why && schedule.next(last.untilMs) === range.atMs;
  if (goesOn) return { ...state, past: [...past.slice(0, -1), { ...last, untilMs: range.untilMs }] };
  return { ...state, past: added(past, { kind: "leftOut", ...range }) };
}

function added(past: readonly PastFiring[], one: PastFiring): PastFiring[] {
  return [...past, one].slice(-MOST_PAST);
}

function keyOf({ schedule }: TimedTrigger): string {
  return JSON.stringify(schedule);
}
