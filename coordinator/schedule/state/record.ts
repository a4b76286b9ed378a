import type { Digest } from "../../../shared/core/digest.ts";
import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import type { JobDigests } from "../../../shared/domain/job.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import type { Standing } from "../../../shared/domain/standing.ts";
import type { Token } from "../../../shared/domain/token.ts";

/**
 * What the journal keeps, in order: the job is the fold of its records. A reader refuses a kind that it does
 * not know.
 *
 * `leaseGranted` and `attemptEnded` are appended without waiting: losing them costs repeated work, never a
 * row.
 */
export type JournalRecord =
  | {
      readonly kind: "generationStarted";
      readonly generation: number;
      readonly build: string;
      /** See `ownMapping`. */
      readonly mapping: string;
      readonly wallMs: number;
      /** Random: no two segments begin with the same bytes. Left out in a bucket. */
      readonly nonce?: string;
      /** The generation whose segment this one builds upon, 0: none. Left out: the one before this. */
      readonly previousGeneration?: number;
      /** That segment as it was found, and its crc32: from here on it may not be shorter. 0: none. */
      readonly previousBytes: number;
      readonly previousCrc32: number;
    }
  | JobAccepted
  /**
   * The input files; which of their rows are in no shard, pruned ones and those that a trial skips (left out:
   * none); and of each shard its rows, the others numbered through. A shard's id is its index.
   */
  | {
      readonly kind: "planSealed";
      readonly files: readonly (readonly [path: string, rows: number])[];
      readonly pruned?: readonly RecordedSlice[];
      readonly skipped?: readonly RecordedSlice[];
      readonly shards: readonly (readonly [rowStart: number, rowEnd: number])[];
    }
  | (Timed & {
      readonly kind: "leaseGranted";
      readonly shard: ShardId;
      readonly token: Token;
      readonly worker: string;
      readonly backup: boolean;
    })
  | (Timed & {
      readonly kind: "attemptEnded";
      readonly shard: ShardId;
      readonly token: Token;
      readonly worker: string;
      readonly end: AttemptEnd;
    })
  | (Timed & { readonly kind: "shardCommitted"; readonly partial: PartialManifest })
  /** The halves are `[rowStart, atRow)` and `[atRow, rowEnd)` with the ids of `into`. */
  | {
      readonly kind: "shardSplit";
      readonly shard: ShardId;
      readonly atRow: number;
      readonly into: readonly [ShardId, ShardId];
    }
  /** A shard of one row that no worker survives. */
  | { readonly kind: "rowDeadLettered"; readonly shard: ShardId; readonly deadLetter: DeadLetter }
  /** A committed partial that was damaged later: its shard is pending again. */
  | {
      readonly kind: "shardRevoked";
      readonly shard: ShardId;
      readonly digest: Digest;
      readonly reason: string;
    }
  | { readonly kind: "publishIntent"; readonly outputDigest: Digest }
  | { readonly kind: "published"; readonly outputDigest: Digest }
  | { readonly kind: "jobCancelled"; readonly reason: string }
  | { readonly kind: "jobFailed"; readonly reason: FailureReason }
  /**
   * A new run, of another id, resumes with what a failed or cancelled one committed: the same spec, input and
   * model.
   */
  | { readonly kind: "jobRevived"; readonly jobId: JobId }
  /** Somebody gave the job another priority, paused it or resumed it. */
  | ({ readonly kind: "standingChanged" } & Standing);

/**
 * When it was, in milliseconds since its generation started: for people. No decision looks at it, and earlier
 * builds left it out.
 */
interface Timed {
  readonly at?: number;
  /** When the partial of the attempt was handed in, of one that was. */
  readonly handedIn?: number;
}

/** Rows `[rowStart, rowEnd)` of the input file with this index. */
export type RecordedSlice = readonly [file: number, rowStart: number, rowEnd: number];

/** Event and record in one. The digests of a later run must be the same. */
export interface JobAccepted {
  readonly kind: "jobAccepted";
  readonly jobId: JobId;
  readonly name: string;
  readonly digests: JobDigests;
}

/** The record of one kind. */
export type RecordOf<K extends JournalRecord["kind"]> = Extract<JournalRecord, { kind: K }>;

/** How one execution ended. Only `failed`, `died` and `rejected` count against the shard. */
export type AttemptEnd =
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  /** The worker's process died while it had the lease. */
  | { readonly kind: "died"; readonly message: string }
  | { readonly kind: "expired" }
  | { readonly kind: "released" }
  /** Another execution of the shard committed first, or the job ended. */
  | { readonly kind: "superseded" }
  /** Its partial was offered and turned out not to be whole. */
  | { readonly kind: "rejected"; readonly code: ErrorCode; readonly message: string };

export interface FailureReason {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  /** What the user can do about it. */
  readonly hint?: string;
}
