import { isShardmillError, ShardmillError } from "../core/errors.ts";
import { type Firing, firingAt, isScheduled, parseFiringMs, runVariables } from "../domain/firing.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { below, parseLocation } from "../domain/location.ts";
import { WINDOW_INPUT } from "../domain/queue-spec.ts";
import { openSchedule } from "../domain/schedule.ts";
import { type TimedTrigger, type Trigger, triggerOf } from "../domain/trigger-spec.ts";
import { type JobSource, type JobTextOptions, parseJobSource, readJobText } from "./read-job-file.ts";

/** A job file with what fires it. */
export interface TriggeredSource extends JobSource {
  /** As it is at the last instant at which it fired; of a job of new files, as it is. */
  readonly spec: JobSpec;
  /** Null of a job without a `trigger`. */
  readonly trigger: Trigger | null;
  /** The job as one of its runs: without a trigger, with the folder and the variables of the run. */
  runAt(firing: Firing): RunSource;
}

export interface RunSource extends JobSource {
  /** `output.path` of the job, which a run of a schedule has its folder in. */
  readonly jobOutput: string;
  /** Null for a job that no schedule fires. */
  readonly firing: Firing | null;
}

type ReadOptions = Omit<JobTextOptions, "path">;

/**
 * Reads a job file that may have a trigger. What a schedule's runs have of their own (`RUN_DATE`, and so on)
 * is filled in as it was at its last instant.
 *
 * @throws {SPEC_INVALID}
 */
export async function readTriggered(
  path: string,
  options: ReadOptions,
  nowMs: number,
): Promise<TriggeredSource> {
  return parseTriggered(await readJobText(path), { path, ...options }, nowMs);
}

/**
 * The pure part of `readTriggered`.
 *
 * @throws {SPEC_INVALID}
 */
export function parseTriggered(
  text: string,
  { path, ...options }: JobTextOptions,
  nowMs: number,
): TriggeredSource {
  const parse = (env: NodeJS.ProcessEnv) => parseJobSource(text, { path, ...options, env });
  const { source, trigger } = parsed(text, { parse, env: options.env, nowMs });
  const runAt = (firing: Firing): RunSource => {
    const isTimed = trigger?.kind === "timed";
    const own = isTimed ? parse(withVariables(options.env, firing, trigger)) : source;
    const chosen = isTimed ? firing : null;
    return { ...own, spec: runSpec(own.spec, chosen), firing: chosen, jobOutput: own.spec.output.path };
  };
  return { ...source, trigger, runAt };
}

/**
 * A job file as the run that a command is about: of a schedule its last one, or the one that `at` names; of
 * any other job the job itself.
 *
 * @param at an instant of the schedule: `20261128T013000Z`, or a time with its offset
 * @throws {SPEC_INVALID}; {ARGUMENT_INVALID} for an `at` that the schedule does not have
 */
export async function readRun(
  path: string,
  { at, ...options }: ReadOptions & { readonly at: string | undefined },
  nowMs: number,
): Promise<RunSource> {
  return parseRun(await readJobText(path), { path, at, ...options }, nowMs);
}

/**
 * The pure part of `readRun`.
 *
 * @throws {SPEC_INVALID} {ARGUMENT_INVALID} as `readRun`
 */
export function parseRun(
  text: string,
  { at, ...options }: JobTextOptions & { readonly at: string | undefined },
  nowMs: number,
): RunSource {
  const source = parseTriggered(text, options, nowMs);
  if (source.trigger?.kind === "queue" && isWindow(source.spec)) throw source.withLines(noInput());
  return source.runAt(chooseFiring(source.trigger, at, nowMs));
}

function isWindow({ input }: JobSpec): boolean {
  return input.path.length === 1 && input.path[0]?.endsWith(`/${WINDOW_INPUT}`) === true;
}

function noInput(): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the input of this job is the messages of a queue", {
    problems: [
      {
        where: "trigger.queue",
        what: "only `shardmill serve` reads messages",
        expected: "rows to try the job with: `--set input.path=FILE --set output.path=tried`",
      },
    ],
  });
}

interface Parsing {
  readonly parse: (env: NodeJS.ProcessEnv) => JobSource;
  readonly env: NodeJS.ProcessEnv;
  readonly nowMs: number;
}

/** The trigger stands in the text that its own variables are filled into: so it is read first. */
function parsed(
  text: string,
  { parse, env, nowMs }: Parsing,
): { source: JobSource; trigger: Trigger | null } {
  const first = attempt(() => parse(env));
  if (!(first instanceof ShardmillError) && first.spec.trigger === undefined)
    return { source: first, trigger: null };
  if (first instanceof ShardmillError && !/\btrigger\b/.test(text)) throw first;
  const anyTime = firingAt(nowMs);
  const source = parse({ ...env, ...runVariables(anyTime, "UTC") });
  const { trigger: spec } = source.spec;
  if (spec === undefined) throw first;
  const trigger = triggerOf(spec);
  if (trigger.kind !== "timed") return { source: parse(env), trigger };
  return { source: parse(withVariables(env, lastFiring(trigger, nowMs), trigger)), trigger };
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

/** Of a schedule that has not come yet the first one. */
function lastFiring({ schedule }: TimedTrigger, nowMs: number): Firing {
  const instants = openSchedule(schedule);
  return firingAt(instants.last(nowMs) ?? instants.next(nowMs) ?? nowMs);
}

function chooseFiring(trigger: Trigger | null, at: string | undefined, nowMs: number): Firing {
  if (trigger?.kind !== "timed") {
    if (at === undefined) return firingAt(nowMs);
    throw new ShardmillError("ARGUMENT_INVALID", "--at is for a job with a schedule", {
      fields: { option: "at", found: at },
      hint: "write trigger.cron or trigger.every in the job file, or leave --at out",
    });
  }
  if (at === undefined) return lastFiring(trigger, nowMs);
  const atMs = parseFiringMs(at);
  if (atMs !== null && isScheduled(trigger, atMs)) return firingAt(atMs);
  const near = lastFiring(trigger, atMs ?? nowMs);
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    atMs === null ? `--at is no time: ${at}` : `the job's schedule has no run at ${at}`,
    {
      fields: { option: "at", found: at },
      hint: `the last one before is --at ${near.id}; a time with its offset will do, as in 2026-11-28T02:30+01:00`,
    },
  );
}

/**
 * The trigger makes the run, and is no part of it. A run over what is new gets its folder from what the runs
 * before have read.
 */
function runSpec({ trigger, ...job }: JobSpec, firing: Firing | null): JobSpec {
  if (trigger?.files !== undefined) return { ...job, input: { ...job.input, new: job.input.new ?? true } };
  if (firing === null || trigger === undefined || job.input.new === true) return job;
  const path = below(parseLocation(job.output.path), `run=${firing.id}`);
  return { ...job, output: { ...job.output, path } };
}
