import * as z from "zod";
import { NEVER } from "../../shared/core/abort.ts";
import { asDigest } from "../../shared/core/digest.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { recordOf } from "../../shared/core/record-of.ts";
import { DEVICE_REPORT_SCHEMA } from "../../shared/domain/accuracy.ts";
import { BOTTLENECKS } from "../../shared/domain/bottleneck.ts";
import { CONVERSION_REPORT_KEY } from "../../shared/domain/conversion.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { manifestCounts } from "../../shared/domain/row-counts.ts";
import type { StoredFacts } from "../../shared/domain/run-facts.ts";
import { RUN_HISTORY_SCHEMA } from "../../shared/domain/run-history.ts";
import { SIDECARS } from "../../shared/domain/sidecars.ts";
import { COUNTED_OF_STORE, STORE_COUNTS, type StoreCounts } from "../../shared/domain/store-counts.ts";
import type { TaskRun } from "../../shared/domain/task-run.ts";
import { STAGES } from "../../shared/domain/worker.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readText, readTextIfThere } from "../../shared/storage/whole-file.ts";
import { outputDigest } from "./layout.ts";

const count = z.int().nonnegative();
const duration = z.number().nonnegative();
const digest = z.string().transform(asDigest);
const hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(asDigest);

/** Path of a file inside the output folder. No other is valid, because files named here may be deleted. */
const outputPath = z
  .string()
  .regex(/^(?:(?:rows|_reduced|_errors)\/(?:[^/=\\\0]+=[^/\\\0]*\/)*|_reduced\/[A-Za-z0-9_-]+\/)[^/\\\0]+$/);

const STORE_COUNTS_SCHEMA = z.object({
  store: z.string(),
  ...recordOf(COUNTED_OF_STORE, (name) => (STORE_COUNTS[name] === "whole" ? count : duration)),
}) satisfies z.ZodType<StoreCounts>;

const TASK_RUN_SCHEMA = z.object({
  reduction: z.string(),
  ...recordOf(["tasks", "done", "running", "attemptsFailed", "workers", "rowsRead", "mostRows"], () => count),
  seconds: duration,
  heavyKeys: z.array(z.object({ key: z.string(), rows: count })),
}) satisfies z.ZodType<TaskRun>;

const storedFacts = {
  attempts: count,
  bottleneck: z.enum(BOTTLENECKS).nullable(),
  stages: z.partialRecord(z.enum(STAGES), z.number()),
  devices: z.array(DEVICE_REPORT_SCHEMA),
  stores: z.array(STORE_COUNTS_SCHEMA),
  // Earlier versions ran no tasks.
  tasks: z.array(TASK_RUN_SCHEMA).default([]),
} satisfies { readonly [K in keyof StoredFacts]: z.ZodType<StoredFacts[K]> };

/** Schemas of the keys of files beside the manifest. `besidesOf` reads them, the compiler has no types. */
const SIDECAR_KEYS: object = Object.fromEntries(
  SIDECARS.map(({ key, file }) => [key, z.literal(file).exactOptional()]),
);

const manifestSchema = z.object({
  formatVersion: z.literal(1),
  job: z.object({ id: z.string().transform(asJobId), name: z.string() }),
  digests: z.object({ spec: digest, input: digest, model: digest }),
  outputDigest: hex,
  marker: z.literal("_SUCCESS").exactOptional(),
  ...SIDECAR_KEYS,
  spec: z.record(z.string(), z.unknown()).exactOptional(),
  files: z.array(
    z.object({
      path: outputPath,
      kind: z.enum(["rows", "reduced", "errors"]),
      rows: count,
      bytes: count,
      sha256: hex,
    }),
  ),
  inputs: z.array(z.string()),
  inputFiles: z
    .array(
      z.object({
        path: z.string(),
        realPath: z.string().exactOptional(),
        bytes: count,
        version: z.string(),
      }),
    )
    .nullable(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).nullable(),
  rows: z.object({
    input: count,
    pruned: count,
    skipped: count,
    ...manifestCounts(() => count),
    deadLetters: count,
  }),
  shards: count,
  ...storedFacts,
  builds: z.array(z.string()),
  ...CONVERSION_REPORT_KEY,
  // The history is no part of the output itself: ignore a history that this version cannot read.
  history: RUN_HISTORY_SCHEMA.nullable().catch(null),
  versions: z.record(z.string(), z.string()),
}) satisfies z.ZodType<OutputManifest>;

/**
 * Reads the manifest at `location`.
 *
 * @throws {OUTPUT_FAILED} when it is not a manifest of this version, or its digest is not that of its files
 * @throws the storage's error when it cannot be read
 */
export async function readManifest(
  location: Location,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<OutputManifest> {
  return parseManifest(await readText(storage, location, signal), location);
}

/** Reads a manifest like {@link readManifest}. Null: there is none. */
export async function readManifestIfThere(
  location: Location,
  storage: Storage,
): Promise<OutputManifest | null> {
  const text = await readTextIfThere(storage, location, NEVER);
  return text === null ? null : parseManifest(text, location);
}

export function parseManifest(text: string, path: string): OutputManifest {
  const refuse = (found: string, cause?: unknown) =>
    new ShardmillError("OUTPUT_FAILED", `${path} is not a manifest that this version can read: ${found}`, {
      fields: { path },
      hint: "choose another output.path, or delete the folder if its content is not needed",
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuse(`${issue?.path.join(".")}: ${issue?.message}`, parsed.error);
  }
  const digest = outputDigest(parsed.data.files);
  if (digest !== parsed.data.outputDigest) throw refuse("outputDigest is not the digest of its files");
  return parsed.data;
}

/** Returns the text of a manifest. It is indented for people, except the columns of its history. */
export function manifestText(manifest: OutputManifest): string {
  // This matches no string in the JSON: a line break in a string is written as \n.
  const columns = /\[\n\s+(?:-?\d[\d.e+-]*|"[a-z]+")(?:,\n\s+(?:-?\d[\d.e+-]*|"[a-z]+"))*\n\s*\]/g;
  const text = JSON.stringify(manifest, null, 2);
  return `${text.replace(columns, (column) => column.replace(/\n\s*/g, " "))}\n`;
}
