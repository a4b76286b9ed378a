import * as z from "zod";
import { present } from "../../../shared/core/assert.ts";
import { MS_OF, parseDurationMs } from "../../../shared/core/units.ts";
import { type Context, refuse } from "../../../shared/domain/job-rules.ts";
import { checkQueue, QUEUE_KEYS, type QueueTrigger, queueTriggerOf } from "./queue-spec.ts";
import { cronProblem, isTimeZone, type ScheduleSpec } from "./schedule.ts";

/** Kinds of triggers, by key. */
const KINDS = ["cron", "every", "files", "queue"] as const;
type Kind = (typeof KINDS)[number];

/** Keys that only some kinds allow. */
const COMPANIONS = {
  timezone: ["cron", "every"],
  catchUp: ["cron", "every"],
  overlap: ["cron", "every"],
  retries: ["cron", "every"],
  quiet: ["files"],
  message: ["queue"],
  columns: ["queue"],
  window: ["queue"],
  key: ["queue"],
  remember: ["queue"],
  deadLetters: ["queue"],
  results: ["queue"],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;

/** Least interval. With less, a run would not have begun before the next one is due. */
const LEAST_EVERY_MS = MS_OF.s;
const MOST_EVERY_MS = 366 * MS_OF.d;

/** Limit of retries: about four days, as retries are hourly from the seventh on. */
const MOST_RETRIES = 100;

const duration = z
  .string()
  .max(20)
  .superRefine((text, context) => {
    const ms = parseDurationMs(text);
    if (ms !== null && ms >= LEAST_EVERY_MS && ms <= MOST_EVERY_MS) return;
    refuse(context, [], "is not a duration", {
      expected: "a whole number and its unit, from `1s` to `366d`, as in `30s`, `15m`, `6h`",
    });
  })
  .meta({ title: "a duration, as in `15m`" });

const triggerSpec = z.strictObject({
  cron: z
    .string()
    .min(1)
    .max(1_000)
    .superRefine((cron, context) => {
      const what = cronProblem(cron);
      if (what === null) return;
      refuse(context, [], what, {
        expected: "minute, hour, day of the month, month, day of the week, as in `30 2 * * *`",
      });
    })
    .exactOptional()
    .describe(
      "The times of runs: minute, hour, day of the month, month, day of the week. `L` is the last day of a month, `5L` its last Friday, `5#2` its second Friday. `15W` is the weekday nearest to the 15th. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are allowed, too.",
    ),
  timezone: z
    .string()
    .min(1)
    .max(100)
    .superRefine((name, context) => {
      if (!isTimeZone(name))
        refuse(context, [], "is not a time zone", { expected: "a name such as `Europe/Berlin`, or `UTC`" });
    })
    .exactOptional()
    .describe("The time zone of `cron`, and of the dates in a run's variables. Default: `UTC`."),
  every: duration
    .exactOptional()
    .describe(
      "The interval of runs, counted from 1970-01-01 00:00 UTC: `15m` is at 0, 15, 30 and 45 minutes past. With `files`: the interval of checks for new files, by default `30s`.",
    ),
  files: z
    .enum(["new"])
    .exactOptional()
    .describe(
      "`new`: a run whenever there are files that no published run has read. It includes `input.new`.",
    ),
  quiet: duration
    .exactOptional()
    .describe(
      "With `files`: how long a file must be unchanged before it is read. This excludes files that are still being written. Default: `10s`.",
    ),
  catchUp: z
    .enum(["none", "last", "all"])
    .exactOptional()
    .describe(
      "Which missed runs are made after a time without `shardmill serve`: the `last` one, `all`, one after the other, or `none`. Default: `last`.",
    ),
  overlap: z
    .enum(["skip", "queue"])
    .exactOptional()
    .describe(
      "What happens when a run is due before the previous one has ended. `skip`: it is skipped. `queue`: it waits. Default: `skip`.",
    ),
  retries: z
    .int()
    .min(0)
    .max(MOST_RETRIES)
    .exactOptional()
    .describe(
      "How often a failed run is retried. The first retry is after a minute, and each pause is twice the previous one, up to an hour. A retry resumes the run. Default: `0`.",
    ),
  ...QUEUE_KEYS,
  remember: duration
    .exactOptional()
    .describe(
      "With `queue`: how long the key of a message is remembered after its run is published. A duplicate within that time is ignored. Default: `24h`.",
    ),
});

export const TRIGGER_SPEC = triggerSpec.superRefine(checkTrigger);
export type TriggerSpec = Readonly<z.output<typeof triggerSpec>>;

/** Checks that a trigger has one kind, and only keys that this kind allows. */
function checkTrigger(trigger: z.output<typeof triggerSpec>, context: Context): void {
  const found = KINDS.filter((key) => trigger[key] !== undefined);
  const kinds = found.filter((key) => key !== "every" || trigger.files === undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length !== 1) {
    refuse(context, [], kinds.length === 0 ? "has no kind of trigger" : "has several kinds of triggers", {
      expected: "one of `cron`, `every`, `files` and `queue`",
      ...(kinds.length === 0 ? {} : { found: kinds.join(", ") }),
    });
    return;
  }
  for (const key of Object.keys(COMPANIONS) as (keyof typeof COMPANIONS)[]) {
    const companions: readonly Kind[] = COMPANIONS[key];
    if (trigger[key] === undefined || companions.includes(kind)) continue;
    const expected = `\`${key}\` with ${companions.map((each) => `\`${each}\``).join(" or ")}`;
    refuse(context, [key], `\`${kind}\` and \`${key}\` exclude each other`, { expected });
  }
  if (kind === "queue") checkQueue(trigger, context);
}

/** Trigger with defaults, and durations in milliseconds. */
export type Trigger = TimedTrigger | FilesTrigger | QueueTrigger;

export interface TimedTrigger {
  readonly kind: "timed";
  readonly schedule: ScheduleSpec;
  /** Time zone of the run's date variables. */
  readonly timeZone: string;
  readonly catchUp: "none" | "last" | "all";
  readonly overlap: "skip" | "queue";
  /** Limit of automatic retries of a failed run. */
  readonly retries: number;
}

export interface FilesTrigger {
  readonly kind: "files";
  readonly lookMs: number;
  readonly quietMs: number;
}

const USUAL_LOOK = "30s";
const USUAL_QUIET = "10s";
const USUAL_REMEMBER = "24h";

export function triggerOf(spec: TriggerSpec): Trigger {
  const { cron, every, files, quiet = USUAL_QUIET, timezone: timeZone = "UTC" } = spec;
  const { catchUp = "last", overlap = "skip", retries = 0, queue, remember = USUAL_REMEMBER } = spec;
  if (queue !== undefined) return queueTriggerOf({ ...spec, queue }, msOf(remember));
  if (files !== undefined) return { kind: "files", lookMs: msOf(every ?? USUAL_LOOK), quietMs: msOf(quiet) };
  const schedule: ScheduleSpec =
    cron === undefined
      ? { kind: "every", everyMs: msOf(present(every, "a trigger has a kind")) }
      : { kind: "cron", cron, timeZone };
  return { kind: "timed", schedule, timeZone, catchUp, overlap, retries };
}

function msOf(text: string): number {
  return present(parseDurationMs(text), "durations were checked");
}
