import { isObject } from "../../shared/core/json-object.ts";
import { NO_ROWS } from "../../shared/domain/row-counts.ts";
import type { JournalRecord } from "../schedule/state/record.ts";

type Field = "string" | "number" | "boolean" | "array" | "object";

/** Required fields of each kind of record. A kind that is missing here was written by a later version. */
const SHAPES = {
  generationStarted: {
    generation: "number",
    build: "string",
    mapping: "string",
    wallMs: "number",
    previousBytes: "number",
    previousCrc32: "number",
  },
  jobAccepted: { jobId: "string", name: "string", digests: "object" },
  planSealed: { files: "array", shards: "array" },
  leaseGranted: { shard: "number", token: "object", worker: "string", backup: "boolean" },
  attemptEnded: { shard: "number", token: "object", worker: "string", end: "object" },
  shardCommitted: { partial: "object" },
  shardSplit: { shard: "number", atRow: "number", into: "array" },
  rowDeadLettered: { shard: "number", deadLetter: "object" },
  shardRevoked: { shard: "number", digest: "string", reason: "string" },
  publishIntent: { outputDigest: "string" },
  published: { outputDigest: "string" },
  jobCancelled: { reason: "string" },
  jobFailed: { reason: "object" },
  jobRevived: { jobId: "string" },
  standingChanged: { priority: "number", paused: "boolean" },
} as const satisfies Record<JournalRecord["kind"], Readonly<Record<string, Field>>>;

type CheckedRecord =
  | { readonly kind: "record"; readonly record: JournalRecord }
  | { readonly kind: "unknownKind"; readonly found: string }
  | { readonly kind: "malformed"; readonly what: string };

/**
 * Checks the kind and the direct fields of a JSON value. Deeper values are trusted, because the checksum
 * covers them. Checking all of them would cost more than the rest of a replay.
 */
export function asRecord(value: unknown): CheckedRecord {
  if (!isObject(value) || typeof value.kind !== "string") return { kind: "malformed", what: "no kind" };
  const { kind } = value;
  if (!Object.hasOwn(SHAPES, kind)) return { kind: "unknownKind", found: kind };
  const shape: Readonly<Record<string, Field>> = SHAPES[kind as JournalRecord["kind"]];
  for (const name in shape) {
    if (fieldOf(value[name]) !== shape[name])
      return { kind: "malformed", what: `${kind} without a valid ${name}` };
  }
  return { kind: "record", record: withAllCounts(value as unknown as JournalRecord) };
}

/** Adds the counts that are missing in records of earlier versions. */
function withAllCounts(record: JournalRecord): JournalRecord {
  if (record.kind !== "shardCommitted" || record.partial.rowsReduced !== undefined) return record;
  return { ...record, partial: { ...NO_ROWS, ...record.partial } };
}

function fieldOf(value: unknown): Field | "other" {
  if (Array.isArray(value)) return "array";
  if (isObject(value)) return "object";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "other";
}
