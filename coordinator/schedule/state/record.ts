import type { Digest } from "../../../shared/core/digest.ts";
import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import type { PinnedTable } from "../../../shared/domain/dataset.ts";
import type { JobDigests } from "../../../shared/domain/job.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import type { Standing } from "../../../shared/domain/standing.ts";
import type { Token } from "../../../shared/domain/token.ts";

/**
 * Record of the journal. The job is the fold of its records, in order. A reader refuses an unknown kind.
 *
 * `leaseGranted` and `attemptEnded` are appended without waiting: losing them costs repeated work, but no
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
      /** Random, so that no two segments begin with the same bytes. Missing in a bucket. */
      readonly nonce?: string;
      /** Generation whose segment this one follows. 0: none. Default: the previous generation. */
      readonly previousGeneration?: number;
      /** Length of that segment when it was found, and its crc32. Later it may not be shorter. 0: none. */
      readonly previousBytes: number;
      readonly previousCrc32: number;
    }
  | JobAccepted
  /**
   * Input files, and the rows of each shard. Pruned and skipped rows are in no shard (default: none), and the
   * others are numbered consecutively. A shard's id is its index.
   */
  | {
      readonly kind: "planSealed";
      readonly files: readonly (readonly [path: string, rows: number, lists?: readonly string[]])[];
      readonly pruned?: readonly RecordedSlice[];
      readonly skipped?: readonly RecordedSlice[];
      /** Versions of lake tables that a resumed job reads again. Default: none. */
      readonly pins?: readonly PinnedTable[];
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
  /** The halves are `[rowStart, atRow)` and `[atRow, rowEnd)`, with the ids in `into`. */
  | {
      readonly kind: "shardSplit";
      readonly shard: ShardId;
      readonly atRow: number;
      readonly into: readonly [ShardId, ShardId];
    }
  /** A shard of one row that crashes every worker. */
  | { readonly kind: "rowDeadLettered"; readonly shard: ShardId; readonly deadLetter: DeadLetter }
  /** A committed partial was damaged later, so its shard is pending again. */
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
   * A new run with another id resumes a failed or cancelled one with the same spec, input and model. Commits
   * stay.
   */
  | { readonly kind: "jobRevived"; readonly jobId: JobId }
  /** A user changed the priority, or paused or resumed the job. */
  | ({ readonly kind: "standingChanged" } & Standing);

/**
 * Time in milliseconds since the generation's start, for users. No decision depends on it. Missing in records
 * of earlier builds.
 */
interface Timed {
  readonly at?: number;
  /** Time at which the attempt's partial was offered. Missing: none was. */
  readonly handedIn?: number;
}

/** Rows `[rowStart, rowEnd)` of the input file with this index. */
export type RecordedSlice = readonly [file: number, rowStart: number, rowEnd: number];

/** Event and record. The digests of a later run must be the same. */
export interface JobAccepted {
  readonly kind: "jobAccepted";
  readonly jobId: JobId;
  readonly name: string;
  readonly digests: JobDigests;
}

/** Record of one kind. */
export type RecordOf<K extends JournalRecord["kind"]> = Extract<JournalRecord, { kind: K }>;

/** End of one execution. Only `failed`, `lost` and `rejected` count against the shard. */
export type AttemptEnd =
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string }
  /** The worker's process exited while it held the lease. */
  | { readonly kind: "lost"; readonly message: string }
  | { readonly kind: "expired" }
  | { readonly kind: "released" }
  /** Another execution of the shard committed first, or the job ended. */
  | { readonly kind: "superseded" }
  /** The offered partial was invalid, or its commit was revoked. */
  | { readonly kind: "rejected"; readonly code: ErrorCode; readonly message: string };

export interface FailureReason {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  /** Advice for the user. */
  readonly hint?: string;
}
