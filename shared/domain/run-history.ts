import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { DEVICES } from "./device.ts";
import { JOB_PHASES } from "./job.ts";
import { DEAD_LETTER_STAGES } from "./partial.ts";
import { SPAN_ENDS } from "./span-ends.ts";
import { STAGES } from "./worker.ts";

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const column = <T extends z.ZodType>(cell: T) => z.array(cell).max(10_000);
const ends = z.record(z.enum(SPAN_ENDS), count);

/** Checks that columns are equally long, so plots need not. */
function isTable(columns: Readonly<Record<string, readonly unknown[]>>): boolean {
  return new Set(Object.values(columns).map(({ length }) => length)).size <= 1;
}

/**
 * Attempts of a worker, as columns. Attempts on one line never overlap, and a worker has at most as many
 * lines as slots. If there are too many, short neighbours are merged: `attempts` counts them, and `end` is
 * the worst.
 */
const spans = z
  .object({
    line: column(count.max(1_000)),
    from: column(seconds),
    to: column(seconds),
    /** Shard of the first merged attempt. */
    shard: column(count),
    attempts: column(count),
    /** End of the attempt. `running`: it has not ended. */
    end: column(z.enum([...SPAN_ENDS, "running"])),
    /** 1: at least one merged attempt was a backup. Otherwise 0. */
    backup: column(count.max(1)),
  })
  .refine(isTable);

/** Worker by its name, over all its sessions. */
const worker = z.object({
  name: z.string(),
  /** Device of the worker. Null: not reported yet. */
  device: z.enum(DEVICES).exclude(["auto"]).nullable(),
  connectedSeconds: seconds,
  rows: count,
  ends,
  /** Mean busy shares since the first rows. A part is lost if a coordinator was killed. */
  stages: z.partialRecord(z.enum(STAGES), z.number()),
  /** Rows of the last batch. Null: unknown. `padding` is the mean share of padding. */
  batchRows: count.nullable(),
  padding: z.number().nullable(),
  spans,
});

/**
 * Dead letters with one reason. Counts shards by their first dead letter: `_errors/` has the others. Place
 * and text are those of the first shard in plan order.
 */
const deadLetterReason = z.object({
  shards: count,
  file: z.string(),
  row: count,
  stage: z.enum(DEAD_LETTER_STAGES),
  code: z.string(),
  message: z.string(),
});

/** Map of a job's shards, of bounded size. */
const shardMap = z.object({
  /** Contiguous shards for each cell, which shows the worst of them. 1, except for very many shards. */
  shardsPerCell: count.positive(),
  /** One byte for each cell, in the order of the plan: see `shardCells`. Deflated (RFC 1951), in base64. */
  cells: z.base64().max(1_000_000),
});

const slowShard = z.object({ shard: count, worker: z.string(), seconds });

/**
 * History of a run, of bounded size for any run length and worker count. It is in the manifest, for the
 * report and the page. Entries of earlier coordinators come from the journal. Times are seconds since the
 * first coordinator got the job.
 */
export const RUN_HISTORY_SCHEMA = z.object({
  /** Start in ISO 8601, by the coordinator's clock. */
  began: z.iso.datetime(),
  seconds,
  /**
   * Coordinators of the run, if there were several: first and last time at which each was known to run. The
   * last entry is the current coordinator.
   */
  periods: z
    .array(z.object({ from: seconds, to: seconds }))
    .max(1_000)
    .exactOptional(),
  /** Phases in order. The time before the first was planning. */
  phases: column(z.object({ phase: z.enum(JOB_PHASES), from: seconds })),
  /** Progress over time, as columns. The last row is the end of the history. */
  pace: z.object({ at: column(seconds), rowsDone: column(count), workers: column(count) }).refine(isTable),
  /** Count of attempts. `backups` counts those that were backups of slow ones. */
  attempts: count,
  backups: count,
  /** Attempts by outcome. Running attempts are not counted. */
  ends,
  /** Committed shards, revoked ones included. */
  commits: count,
  revocations: count,
  /** Committed attempts by duration. A duration is at least `from`, and below the next `from`. */
  durations: z.object({ from: column(seconds), attempts: column(count) }).refine(isTable),
  /** Longest committed attempts, longest first. */
  slowest: column(slowShard),
  /**
   * Total connected time of all workers. `deviceSeconds` counts those on devices other than the CPU. If a
   * coordinator was killed, a worker counts from its first to its last journal record.
   */
  workerSeconds: seconds,
  deviceSeconds: seconds,
  /** Workers, most important first. `workersOmitted` counts those that are not listed. */
  workers: column(worker),
  workersOmitted: count,
  /** Reasons of dead letters, most shards first. */
  deadLetters: column(deadLetterReason),
  /** Map of the shards. Undefined: the job is running. */
  map: shardMap.exactOptional(),
});

export type RunHistory = Frozen<z.output<typeof RUN_HISTORY_SCHEMA>>;
export type WorkerHistory = RunHistory["workers"][number];
export type Spans = WorkerHistory["spans"];
export type SlowShard = RunHistory["slowest"][number];
export type DeadLetterReason = RunHistory["deadLetters"][number];
export type ShardMap = NonNullable<RunHistory["map"]>;
