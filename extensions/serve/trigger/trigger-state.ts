import type { JobId } from "../../../shared/domain/job-id.ts";
import { openSchedule, type Schedule } from "../spec/schedule.ts";
import type { TimedTrigger } from "../spec/trigger-spec.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** Decisions about a schedule's instants, which `serve` remembers for a job. */
export interface TriggerState {
  /** Key of the schedule that gave the instants. After a change of schedule, nothing counts as missed. */
  readonly schedule: string;
  /** Last decided instant. Each instant up to this one waits, has run, or was skipped. */
  readonly decidedMs: number;
  /** Instants to run, in order. The first may be running. */
  readonly waiting: readonly number[];
  /** Recent outcomes, in order of recording. */
  readonly past: readonly PastFiring[];
  /** Pending retry of the first waiting instant. Default: none. */
  readonly retry?: Retry;
}

export interface Retry {
  readonly atMs: number;
  /** Number of failures. */
  readonly failures: number;
  readonly notBeforeMs: number;
  readonly jobId: JobId | null;
  /** Reason of the last failure. */
  readonly reason: string | null;
}

export type PastFiring = RanFiring | SkippedTimes;

export interface RanFiring extends Omit<RunOutcome, "failure"> {
  readonly kind: "ran";
  readonly atMs: number;
  /** Reason of the failure, for people. Null: it did not fail. */
  readonly reason: string | null;
  readonly endedMs: number;
}

/** Consecutive instants that were skipped for one reason. */
interface SkippedTimes {
  readonly kind: "skipped";
  readonly atMs: number;
  /** Last of the instants. */
  readonly untilMs: number;
  readonly why: Why;
}

/**
 * Reasons of skipped instants.
 * - `missed`: no process served the job then, and `catchUp` excludes the instant.
 * - `overlap`: a previous run had not ended.
 * - `full`: too many instants wait.
 * - `ranBefore`: the clock was set back to before a run.
 */
type Why = "missed" | "overlap" | "full" | "ranBefore";

/** Tolerance for delays of a busy process, or of a machine that resumes. */
const ON_TIME_MS = 60_000;
/**
 * Tolerance of a clock that is set back. Within it, instants that have run are not due again. Beyond it, the
 * clock was wrong before. Otherwise a clock that was once in 2036 would stop the trigger for ten years.
 */
const CLOCK_BACK_MS = 3_600_000;
/** Limit of waiting instants: a year of days. A longer backlog would be useless. */
const MOST_WAITING = 366;
/** Limit of remembered outcomes, enough for recent failures. Published runs are also in their manifests. */
const MOST_PAST = 200;

/** Returns the state of a trigger that is served for the first time. Earlier instants are not missed. */
export function firstServed(trigger: TimedTrigger, nowMs: number): TriggerState {
  return { schedule: keyOf(trigger), decidedMs: nowMs, waiting: [], past: [] };
}

/** Times of the current and the previous decision. */
interface Look {
  readonly nowMs: number;
  /** Time of this process's previous decision. Null: this is the first one. */
  readonly beforeMs: number | null;
}

/**
 * Decides all instants up to now: each waits, or is skipped for a reason. Returns the same state if none is
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
  // No process served the job at these instants: the process is new, or its machine slept.
  const isCaughtUp = trigger.catchUp === "all" && (beforeMs === null || nowMs - beforeMs > ON_TIME_MS);
  const from = chosen[0] ?? Number.POSITIVE_INFINITY;
  const missed = from > first ? skippedBefore(from, decided, { first, newest, schedule }) : decided;
  const admitted = chosen.reduce((so, atMs) => admit(so, atMs, { trigger, schedule, isCaughtUp }), missed);
  const rest = schedule.next(chosen.at(-1) ?? newest);
  if (rest === null || rest > newest) return admitted;
  return leaveOut(admitted, { atMs: rest, untilMs: newest, why: "full" }, schedule);
}

/** Delay before a failed run is retried. Each further failure doubles it, up to the limit. */
const RETRY_MS = 60_000;
const MOST_RETRY_MS = 3_600_000;

/** Records an ended run. A failed run with retries left stays first, and waits for its retry. */
export function noteEnded(state: TriggerState, ran: RanFiring, { retries }: TimedTrigger): TriggerState {
  const { retry, ...rest } = state;
  const failures = (retry?.atMs === ran.atMs ? retry.failures : 0) + 1;
  if (ran.outcome !== "failed" || failures > retries) return noteRan(rest, ran);
  const { atMs, jobId, reason, endedMs } = ran;
  return { ...rest, retry: { atMs, failures, notBeforeMs: endedMs + backOffMs(failures), jobId, reason } };
}

/**
 * Returns the delay until a run may begin. 0: now. After a clock change, the delay is at most one backoff.
 */
export function waitOf({ retry }: TriggerState, atMs: number, nowMs: number): number {
  if (retry?.atMs !== atMs) return 0;
  const waitMs = retry.notBeforeMs - nowMs;
  return waitMs > backOffMs(retry.failures) ? 0 : Math.max(0, waitMs);
}

function backOffMs(failures: number): number {
  return Math.min(RETRY_MS * 2 ** (failures - 1), MOST_RETRY_MS);
}

/** Records the outcome of the first waiting instant. */
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

/** Returns the due instants that `catchUp` includes, in order. */
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

function skippedBefore(from: number, state: TriggerState, { first, newest, schedule }: Range): TriggerState {
  const untilMs = from > newest ? newest : (schedule.last(from - 1) ?? first);
  return leaveOut(state, { atMs: first, untilMs, why: "missed" }, schedule);
}

interface Admitting {
  readonly trigger: TimedTrigger;
  readonly schedule: Schedule;
  /** True when instants are caught up: such runs do not count as overlapping. */
  readonly isCaughtUp: boolean;
}

/** Adds an instant to the waiting ones, or skips it for a reason. */
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

/** Records skipped instants. Consecutive ones with the same reason become one record. */
function leaveOut(state: TriggerState, range: Omit<SkippedTimes, "kind">, schedule: Schedule): TriggerState {
  const { past } = state;
  const last = past.at(-1);
  const goesOn =
    last?.kind === "skipped" && last.why === range.why && schedule.next(last.untilMs) === range.atMs;
  if (goesOn) return { ...state, past: [...past.slice(0, -1), { ...last, untilMs: range.untilMs }] };
  return { ...state, past: added(past, { kind: "skipped", ...range }) };
}

function added(past: readonly PastFiring[], one: PastFiring): PastFiring[] {
  return [...past, one].slice(-MOST_PAST);
}

function keyOf({ schedule }: TimedTrigger): string {
  return JSON.stringify(schedule);
}
