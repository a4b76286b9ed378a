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
  aside: ["queue"],
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
    refuse(context, [], "is no duration that is waited for", {
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
      "A run at each of these times: minute, hour, day of the month, month, day of the week. `L` is the last day of a month, `5L` its last Friday, `5#2` its second one, `15W` the weekday that is nearest to the 15th. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for what they say.",
    ),
  timezone: z
    .string()
    .min(1)
    .max(100)
    .superRefine((name, context) => {
      if (!isTimeZone(name))
        refuse(context, [], "is no time zone", { expected: "a name such as `Europe/Berlin`, or `UTC`" });
    })
    .exactOptional()
    .describe("Whose clock `cron` is about, and the dates that a run is given. Left out: `UTC`."),
  every: duration
    .exactOptional()
    .describe(
      "A run each time this has passed, counted from 1970-01-01 00:00 UTC: `15m` is at 0, 15, 30 and 45 minutes past. Beside `files`: how often they are looked for; left out: `30s`.",
    ),
  files: z
    .enum(["new"])
    .exactOptional()
    .describe(
      "`new`: a run whenever there are files that no published run has read. It is what `input.new` is, and needs no other word of it.",
    ),
  quiet: duration
    .exactOptional()
    .describe(
      "Beside `files`: how long a file must have stayed as it is before it is read, so that one that is still written is not. Left out: `10s`.",
    ),
  catchUp: z
    .enum(["none", "last", "all"])
    .exactOptional()
    .describe(
      "What becomes of times that passed while nothing served the job: `last` of them is run, `all` are, one after the other, or `none` is. Left out: `last`.",
    ),
  overlap: z
    .enum(["skip", "queue"])
    .exactOptional()
    .describe(
      "What becomes of a time at which an earlier run has not ended: it is left out (`skip`), or waits (`queue`). Left out: `skip`.",
    ),
  retries: z
    .int()
    .min(0)
    .max(MOST_RETRIES)
    .exactOptional()
    .describe(
      "How often a run that failed is begun again by itself: after a minute, then after twice as long each time, up to an hour. It goes on where it was. Left out: `0`.",
    ),
  ...QUEUE_KEYS,
  remember: duration
    .exactOptional()
    .describe(
      "Beside `queue`: how long a message is known by its key after its run is published: when it comes again within that time, it makes nothing twice. Left out: `24h`.",
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
    refuse(
      context,
      [],
      kinds.length === 0 ? "says nothing that fires it" : "says several things that fire it",
      {
        expected: "one of `cron`, `every`, `files` and `queue`",
        ...(kinds.length === 0 ? {} : { found: kinds.join(", ") }),
      },
    );
    return;
  }
  for (const key of Object.keys(COMPANIONS) as (keyof typeof COMPANIONS)[]) {
    const companions: readonly Kind[] = COMPANIONS[key];
    if (trigger[key] === undefined || companions.includes(kind)) continue;
    const expected = `\`${key}\` beside ${companions.map((each) => `\`${each}\``).join(" or ")}`;
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
