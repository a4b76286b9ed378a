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

/** What a standing coordinator keeps of a job. */
export interface JobRecord {
  readonly jobId: JobId;
  /** Its place among all jobs: those that were submitted later have larger numbers. */
  readonly order: number;
  /** Whose it is; left out: of whoever has the user's secret. */
  readonly by?: string;
  /** What that one was when it was submitted; left out in records of versions that did not keep it. */
  readonly role?: Role;
  /** As it was submitted. */
  readonly spec: JobSpec;
  /** Of a job that has ended its last one, else the one that it had when it was submitted. */
  readonly status: JobStatus;
}

/** As whom a job is judged after a restart: whose role is not known may do what all who submit may. */
export function submitterOf({ by = OWNER_NAME, role }: Pick<JobRecord, "by" | "role">): Submitter {
  return { name: by, role: role ?? (by === OWNER_NAME ? "admin" : "submit") };
}

type ReadRecord =
  | { readonly kind: "record"; readonly record: JobRecord }
  /** A later version wrote it, which may come back. */
  | { readonly kind: "later"; readonly format: number }
  | { readonly kind: "damaged"; readonly why: string };

/** Grows when an earlier version would misunderstand a record. A fact more of a status needs none. */
const FORMAT = 1;
const SUFFIX = ".json";
const VIEW_SUFFIX = ".view";

/** The name of a job's file. A job's id has only letters, digits, `.`, `_` and `-`. */
export function recordName(jobId: JobId): string {
  return `${jobId}${SUFFIX}`;
}

export function isRecordName(name: string): boolean {
  return name.endsWith(SUFFIX);
}

/** The name of the file beside it that has how an ended job went. */
export function viewName(jobId: JobId): string {
  return `${jobId}${VIEW_SUFFIX}`;
}

/** The job of such a file; null for another file. */
export function jobOfView(name: string): JobId | null {
  return name.endsWith(VIEW_SUFFIX) ? asJobId(name.slice(0, -VIEW_SUFFIX.length)) : null;
}

/** Two lines of JSON, the first with a digest of the second: half a file, or another's, is known as such. */
export function formatRecord(record: JobRecord): string {
  const body = JSON.stringify(record);
  return `${JSON.stringify({ format: FORMAT, sha256: digestOf(body) })}\n${body}\n`;
}

/** @param name of its file */
export function parseRecord(text: string, name: string): ReadRecord {
  const [first = "", body = ""] = text.split("\n");
  const { format, sha256 } = (parseJson(first) ?? {}) as { format?: unknown; sha256?: unknown };
  if (typeof format !== "number") return damaged("it does not begin as such files do");
  if (format > FORMAT) return { kind: "later", format };
  if (digestOf(body) !== sha256) return damaged("it is not as it was written");
  const record = JSON.parse(body) as JobRecord;
  if (recordName(record.jobId) !== name) return damaged(`it is of job ${record.jobId}`);
  // What this version counts and the one that wrote it did not is as of a job that does not run.
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

/** What is asked of a record to say whether it stays. */
export interface KeptRecord {
  readonly jobId: JobId;
  readonly order: number;
  /** Of its files. */
  readonly bytes: number;
  readonly isEnded: boolean;
}

interface Most {
  readonly jobs: number;
  readonly bytes: number;
}

/** How many ended jobs are kept, and the bytes of their files together: one may have megabytes. */
export const KEPT: Most = { jobs: 1_000, bytes: 256 << 20 };

/** The ended jobs that make room for later ones: the oldest. A job that has not ended is never forgotten. */
export function tooMany(records: Iterable<KeptRecord>, most: Most = KEPT): readonly JobId[] {
  const ended = [...records].filter(({ isEnded }) => isEnded).sort((a, b) => b.order - a.order);
  let bytes = 0;
  const stays = ended.filter((record, index) => {
    bytes += record.bytes;
    return index === 0 || (index < most.jobs && bytes <= most.bytes);
  });
  return ended.slice(stays.length).map(({ jobId }) => jobId);
}
