import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import type { RunReading } from "../../../shared/extension/runs.ts";
import type { JobSource } from "../../../shared/job-file/read-job-file.ts";
import type { RunSource } from "../../../shared/job-file/read-run.ts";
import { type Firing, firingAt, isScheduled, parseFiringMs, runVariables } from "./firing.ts";
import { WINDOW_INPUT } from "./queue-spec.ts";
import { openSchedule } from "./schedule.ts";
import { type TimedTrigger, type Trigger, type TriggerSpec, triggerOf } from "./trigger-spec.ts";

/** Job file with its trigger. */
export interface TriggeredSource extends JobSource {
  /** Job, with variables of the last instant if it is scheduled. */
  readonly spec: JobSpec;
  /** Null: the job has no `trigger`. */
  readonly trigger: Trigger | null;
  /** Returns the job of one run: without the trigger, with the run's folder and variables. */
  runAt(firing: Firing): RunSource;
}

type Reading = Omit<RunReading, "at">;

/**
 * Reads a job file with its trigger.
 *
 * @throws {SPEC_INVALID} when the job file is invalid
 */
export function triggeredSource(reading: Reading): TriggeredSource {
  const { parse, env } = reading;
  const { source, trigger } = parsed(reading);
  const runAt = (firing: Firing): RunSource => {
    const isTimed = trigger?.kind === "timed";
    const own = isTimed ? parse(withVariables(env, firing, trigger)) : source;
    const chosen = isTimed ? firing : null;
    const jobOutput = own.spec.output.path;
    return { ...own, spec: runSpec(own.spec, chosen), runId: chosen?.id ?? null, jobOutput };
  };
  return { ...source, trigger, runAt };
}

/**
 * Reads a job file as the run that a command is for. For a scheduled job, that is the last run, or the one at
 * `at`. For another job, it is the job itself.
 *
 * @throws {SPEC_INVALID} when the job file is invalid, or its input is a queue
 * @throws {ARGUMENT_INVALID} when the schedule has no run at `at`
 */
export function readRunOf({ at, ...reading }: RunReading): RunSource {
  const source = triggeredSource(reading);
  if (source.trigger?.kind === "queue" && isWindow(source.spec)) throw source.withLines(noInput());
  return source.runAt(chooseFiring(source.trigger, at, reading.nowMs));
}

function isWindow({ input }: JobSpec): boolean {
  return input.path.length === 1 && input.path[0]?.endsWith(`/${WINDOW_INPUT}`) === true;
}

function noInput(): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the input of this job is a queue", {
    problems: [
      {
        where: "trigger.queue",
        what: "only `shardmill serve` reads messages",
        expected: "rows for a trial: `--set input.path=rows.jsonl --set output.path=tried`",
      },
    ],
  });
}

/** Reads the trigger first, because its variables are filled into the same text. */
function parsed({ text, parse, env, nowMs }: Reading): { source: JobSource; trigger: Trigger | null } {
  const first = attempt(() => parse(env));
  if (!(first instanceof ShardmillError) && specOf(first) === undefined)
    return { source: first, trigger: null };
  if (first instanceof ShardmillError && !/\btrigger\b/.test(text)) throw first;
  const anyTime = firingAt(nowMs);
  const source = parse({ ...env, ...runVariables(anyTime, "UTC") });
  const spec = specOf(source);
  if (spec === undefined) throw first;
  const trigger = triggerOf(spec);
  if (trigger.kind !== "timed") return { source: parse(env), trigger };
  return { source: parse(withVariables(env, lastFiring(trigger, nowMs), trigger)), trigger };
}

/** Checked job with the trigger, whose type the engine does not know. */
interface TriggeredSpec {
  readonly trigger?: TriggerSpec;
}

function specOf({ spec }: { readonly spec: JobSpec & TriggeredSpec }): TriggerSpec | undefined {
  return spec.trigger;
}

function attempt(parse: () => JobSource): JobSource | ShardmillError {
  try {
    return parse();
  } catch (error) {
    if (isShardmillError(error)) return error;
    throw error;
  }
}

function withVariables(env: NodeJS.ProcessEnv, firing: Firing, { timeZone }: TimedTrigger) {
  return { ...env, ...runVariables(firing, timeZone) };
}

/** Returns the last firing. If there is none yet, returns the first one. */
function lastFiring({ schedule }: TimedTrigger, nowMs: number): Firing {
  const instants = openSchedule(schedule);
  return firingAt(instants.last(nowMs) ?? instants.next(nowMs) ?? nowMs);
}

function chooseFiring(trigger: Trigger | null, at: string | undefined, nowMs: number): Firing {
  if (trigger?.kind !== "timed") {
    if (at === undefined) return firingAt(nowMs);
    throw new ShardmillError("ARGUMENT_INVALID", "--at is for a job with a schedule", {
      fields: { option: "at", found: at },
      hint: "write trigger.cron or trigger.every in the job file, or omit --at",
    });
  }
  if (at === undefined) return lastFiring(trigger, nowMs);
  const atMs = parseFiringMs(at);
  if (atMs !== null && isScheduled(trigger, atMs)) return firingAt(atMs);
  const near = lastFiring(trigger, atMs ?? nowMs);
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    atMs === null ? `--at is not a time: ${at}` : `the job's schedule has no run at ${at}`,
    {
      fields: { option: "at", found: at },
      hint: `use the previous run, --at ${near.id}, or a time with its offset, as in 2026-11-28T02:30+01:00`,
    },
  );
}

/**
 * Returns the job of a run, without the trigger. A run over new files gets its folder later, from what
 * previous runs have read.
 */
function runSpec({ trigger, ...job }: JobSpec & TriggeredSpec, firing: Firing | null): JobSpec {
  if (trigger?.files !== undefined) return { ...job, input: { ...job.input, new: job.input.new ?? true } };
  if (firing === null || trigger === undefined || job.input.new === true) return job;
  const path = below(parseLocation(job.output.path), `run=${firing.id}`);
  return { ...job, output: { ...job.output, path } };
}
