import { createHash } from "node:crypto";
import { OWNER_NAME } from "../../shared/access/callers.ts";
import type { Role } from "../../shared/access/roles.ts";
import { parseJson } from "../../shared/core/parse-json.ts";
import { asJobId, type JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { USUAL_STANDING } from "../../shared/domain/standing.ts";
import type { Submitter } from "../../shared/wire/services.ts";

/** The coordinator's record of a job, kept over restarts. */
export interface JobRecord {
  readonly jobId: JobId;
  /** Position in the order of submission: later jobs have larger numbers. */
  readonly order: number;
  /** Name of the submitter. Default: the holder of the user's secret. */
  readonly by?: string;
  /** Role of the submitter at submission. Missing in records of earlier versions. */
  readonly role?: Role;
  /** The submitted job file. */
  readonly spec: JobSpec;
  /** The last status of an ended job. For other jobs: the status at submission. */
  readonly status: JobStatus;
}

/** Returns the submitter as whom a job is authorized after a restart. An unknown role counts as `submit`. */
export function submitterOf({ by = OWNER_NAME, role }: Pick<JobRecord, "by" | "role">): Submitter {
  return { name: by, role: role ?? (by === OWNER_NAME ? "admin" : "submit") };
}

type ReadRecord =
  | { readonly kind: "record"; readonly record: JobRecord }
  /** Written by a later version, which may run again. */
  | { readonly kind: "later"; readonly format: number }
  | { readonly kind: "damaged"; readonly why: string };

/**
 * Version of the record format. Grows when an earlier version would misread a record. An added status field
 * needs no new version.
 */
const FORMAT = 1;
const SUFFIX = ".json";
const VIEW_SUFFIX = ".view";

/**
 * Returns the name of a job's record file. A job id has only letters, digits, `.`, `_` and `-`, so it is a
 * safe name.
 */
export function recordName(jobId: JobId): string {
  return `${jobId}${SUFFIX}`;
}

export function isRecordName(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/** Returns the name of the file with the view of an ended job, in the same folder as the record. */
export function viewName(jobId: JobId): string {
  return `${jobId}${VIEW_SUFFIX}`;
}

/** Returns the job of a view file. Null: another kind of file. */
export function jobOfView(name: string): JobId | null {
  return name.endsWith(VIEW_SUFFIX) ? asJobId(name.slice(0, -VIEW_SUFFIX.length)) : null;
}

/**
 * Formats a record as two lines of JSON. The first has the digest of the second, which detects a truncated or
 * altered file.
 */
export function formatRecord(record: JobRecord): string {
  const body = JSON.stringify(record);
  return `${JSON.stringify({ format: FORMAT, sha256: digestOf(body) })}\n${body}\n`;
}

/**
 * Parses a record.
 *
 * @param name name of its file
 */
export function parseRecord(text: string, name: string): ReadRecord {
  const [first = "", body = ""] = text.split("\n");
  const { format, sha256 } = (parseJson(first) ?? {}) as { format?: unknown; sha256?: unknown };
  if (typeof format !== "number") return damaged("it does not begin with a valid header");
  if (format > FORMAT) return { kind: "later", format };
  if (digestOf(body) !== sha256) return damaged("its checksum differs");
  const record = JSON.parse(body) as JobRecord;
  if (recordName(record.jobId) !== name) return damaged(`it belongs to job ${record.jobId}`);
  // Counts that the writing version did not have get the values of a job that does not run.
  return {
    kind: "record",
    record: {
      ...record,
      status: { ...NO_RUN, ...USUAL_STANDING, ...record.status },
    },
  };
}

function damaged(why: string): ReadRecord {
  return { kind: "damaged", why };
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Facts that decide whether a record is kept. */
export interface StoredRecord {
  readonly jobId: JobId;
  readonly order: number;
  /** Size of the job's files, together. */
  readonly bytes: number;
  readonly isEnded: boolean;
}

interface Most {
  readonly jobs: number;
  readonly bytes: number;
}

/** Limits for ended jobs: their number, and the bytes of their files. One job may have megabytes. */
export const MOST_STORED: Most = { jobs: 1_000, bytes: 256 << 20 };

/** Returns the ended jobs to remove, the oldest ones. A job that has not ended is never removed. */
export function tooMany(records: Iterable<StoredRecord>, most: Most = MOST_STORED): readonly JobId[] {
  const ended = [...records].filter(({ isEnded }) => isEnded).sort((a, b) => b.order - a.order);
  let bytes = 0;
  const stays = ended.filter((record, index) => {
    bytes += record.bytes;
    return index === 0 || (index < most.jobs && bytes <= most.bytes);
  });
  return ended.slice(stays.length).map(({ jobId }) => jobId);
}
