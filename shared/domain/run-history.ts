import * as z from "zod";
import type { Frozen } from "../core/frozen.ts";
import { DEVICES } from "./device.ts";
import { JOB_PHASES } from "./job.ts";
import { DEAD_STAGES } from "./partial.ts";
import { SPAN_ENDS } from "./span-ends.ts";
import { STAGES } from "./worker.ts";

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const column = <T extends z.ZodType>(cell: T) => z.array(cell).max(10_000);
const ends = z.record(z.enum(SPAN_ENDS), count);

/** Columns that belong together are equally long, so plots do not check it. */
function isTable(columns: Readonly<Record<string, readonly unknown[]>>): boolean {
  return new Set(Object.values(columns).map(({ length }) => length)).size <= 1;
}

/**
 * Which attempts a worker had when: a column each. On one line no two overlap, and a worker has no more lines
 * than slots. Where they are too many, short neighbours are one: `attempts` says of how many, and `end` is
 * the worst of theirs.
 */
const spans = z
  .object({
    line: column(count.max(1_000)),
    from: column(seconds),
    to: column(seconds),
    /** The first, of several. */
    shard: column(count),
    attempts: column(count),
    /** `running` where it has not ended. */
    end: column(z.enum([...SPAN_ENDS, "running"])),
    /** 1: it was a backup, or one of them was. */
    backup: column(count.max(1)),
  })
  .refine(isTable);

/** A worker by its name, over all its sessions. */
const worker = z.object({
  name: z.string(),
  /** Null where it said nothing yet. */
  device: z.enum(DEVICES).exclude(["auto"]).nullable(),
  connectedSeconds: seconds,
  rows: count,
  ends,
  /** Mean busy shares since its first rows; some of it is lost where a coordinator was killed. */
  stages: z.partialRecord(z.enum(STAGES), z.number()),
  /** Rows of its last batch, and the mean share of padding; null where none is known. */
  batchRows: count.nullable(),
  padding: z.number().nullable(),
  spans,
});

/**
 * Of each shard the first dead letter counts: the others are in `_errors/`. Its place and text are of the
 * first in the plan's order.
 */
const deadReason = z.object({
  shards: count,
  file: z.string(),
  row: count,
  stage: z.enum(DEAD_STAGES),
  code: z.string(),
  message: z.string(),
});

/** The map of a job's shards, in so many bytes however many they are. */
const shardMap = z.object({
  /** Shards side by side that one cell stands for: it says the worst of theirs. 1 but for very many. */
  shardsPerCell: count.positive(),
  /** A byte a cell, in the order of the plan: see `shardCells`. Deflated (RFC 1951), in base64. */
  cells: z.base64().max(1_000_000),
});

const slowShard = z.object({ shard: count, worker: z.string(), seconds });

/**
 * What a coordinator remembers of a run, bounded however long it is and however many take part: in the
 * manifest, for the report, and on the page. Of coordinators before it, it has what they left in the journal.
 * Times are seconds since the first was given the job.
 */
export const RUN_HISTORY_SCHEMA = z.object({
  /** When that was: ISO 8601, by the coordinator's clock. */
  began: z.iso.datetime(),
  seconds,
  /**
   * The coordinators that were at it, where there were several: from when to when each is known to have been.
   * The last is the one that tells.
   */
  lives: z
    .array(z.object({ from: seconds, to: seconds }))
    .max(1_000)
    .exactOptional(),
  /** In order. The time before the first went into planning. */
  phases: column(z.object({ phase: z.enum(JOB_PHASES), from: seconds })),
  /** A column each, in order of time; the last is the end of what is told. */
  pace: z.object({ at: column(seconds), rowsDone: column(count), workers: column(count) }).refine(isTable),
  /** Attempts, and those of them that were backups of slow ones. */
  attempts: count,
  backups: count,
  /** Attempts by how they ended. Those that run are in none. */
  ends,
  /** Shards committed by them, those that were revoked later among them. */
  commits: count,
  revocations: count,
  /** Attempts that committed, by how long they took: at least `from`, and less than the next. */
  durations: z.object({ from: column(seconds), attempts: column(count) }).refine(isTable),
  /** The longest of them, longest first. */
  slowest: column(slowShard),
  /**
   * Connected, together: all workers, and those on devices other than the CPU. Under a coordinator that was
   * killed, from the first to the last that the journal has of a worker.
   */
  workerSeconds: seconds,
  deviceSeconds: seconds,
  /** Those that had most to tell first; `workersLeftOut` others took part. */
  workers: column(worker),
  workersLeftOut: count,
  /** Why rows became dead letters, most shards first. */
  dead: column(deadReason),
  /** The shards as they were; left out while the job runs. */
  map: shardMap.exactOptional(),
});

export type RunHistory = Frozen<z.output<typeof RUN_HISTORY_SCHEMA>>;
export type WorkerHistory = RunHistory["workers"][number];
export type Spans = WorkerHistory["spans"];
export type SlowShard = RunHistory["slowest"][number];
export type DeadReason = RunHistory["dead"][number];
export type ShardMap = NonNullable<RunHistory["map"]>;
