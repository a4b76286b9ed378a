import * as z from "zod";
import { DEVICES } from "./device.ts";
import { JOB_PHASES } from "./job.ts";
import { DEAD_STAGES } from "./partial.ts";
import { type RunHistory, SPAN_ENDS } from "./run-history.ts";
import { STAGES } from "./worker.ts";

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();
const column = <T extends z.ZodType>(cell: T) => z.array(cell).max(10_000);

const ends = z.record(z.enum(SPAN_ENDS), count);

/** Columns that belong together are equally long: whoever plots them need not look. */
function isTable(columns: Readonly<Record<string, readonly unknown[]>>): boolean {
  return new Set(Object.values(columns).map(({ length }) => length)).size <= 1;
}

const spans = z
  .object({
    line: column(count.max(1_000)),
    from: column(seconds),
    to: column(seconds),
    shard: column(count),
    attempts: column(count),
    end: column(z.enum([...SPAN_ENDS, "running"])),
    backup: column(count.max(1)),
  })
  .refine(isTable);

/** What a manifest keeps of a run, as it is read back. */
export const RUN_HISTORY_SCHEMA = z.object({
  began: z.iso.datetime(),
  seconds,
  lives: z
    .array(z.object({ from: seconds, to: seconds }))
    .max(1_000)
    .exactOptional(),
  phases: column(z.object({ phase: z.enum(JOB_PHASES), from: seconds })),
  pace: z.object({ at: column(seconds), rowsDone: column(count), workers: column(count) }).refine(isTable),
  attempts: count,
  backups: count,
  ends,
  commits: count,
  revocations: count,
  durations: z.object({ from: column(seconds), attempts: column(count) }).refine(isTable),
  slowest: column(z.object({ shard: count, worker: z.string(), seconds })),
  workerSeconds: seconds,
  deviceSeconds: seconds,
  workers: column(
    z.object({
      name: z.string(),
      device: z.enum(DEVICES).exclude(["auto"]).nullable(),
      connectedSeconds: seconds,
      rows: count,
      ends,
      stages: z.partialRecord(z.enum(STAGES), z.number()),
      batchRows: count.nullable(),
      padding: z.number().nullable(),
      spans,
    }),
  ),
  workersLeftOut: count,
  dead: column(
    z.object({
      shards: count,
      file: z.string(),
      row: count,
      stage: z.enum(DEAD_STAGES),
      code: z.string(),
      message: z.string(),
    }),
  ),
  map: z.object({ shardsPerCell: count.positive(), cells: z.base64().max(1_000_000) }).exactOptional(),
}) satisfies z.ZodType<RunHistory>;
