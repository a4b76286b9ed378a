import type { FileSlice } from "../../../shared/domain/dataset-rows.ts";
import type { JobDigests } from "../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import type { Shard, ShardId } from "../../../shared/domain/shard.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { FailureReason } from "./record.ts";

/** Everything that can happen to a job. Events carry facts, not decisions. */
export type JobEvent =
  | {
      readonly kind: "jobAccepted";
      readonly jobId: string;
      readonly name: string;
      readonly digests: JobDigests;
    }
  /**
   * `files` in the dataset's order, so that a row can be named; `pruned` rows of them are in no shard (left
   * out: none); `shards` in plan order.
   */
  | {
      readonly kind: "planSealed";
      readonly files: readonly { readonly path: string; readonly rows: number }[];
      readonly pruned?: readonly FileSlice[];
      readonly shards: readonly Shard[];
    }
  /** `name` outlives the session: strikes and backup leases look at it. */
  | {
      readonly kind: "workerJoined";
      readonly worker: WorkerSession;
      readonly name: string;
      readonly slots: number;
    }
  /**
   * `died`: its process ended, or its connection is gone beyond the grace. `silent`: nothing was heard of it
   * for too long. `left`: it drained and said goodbye.
   */
  | {
      readonly kind: "workerLost";
      readonly worker: WorkerSession;
      readonly how: "died" | "silent" | "left";
      readonly message: string;
    }
  /** It must not work for this job: its device gives wrong numbers. Its leases go back unmarked. */
  | { readonly kind: "workerRefused"; readonly worker: WorkerSession; readonly reason: FailureReason }
  /** `running`: shards that it still runs under tokens of an earlier generation. Left out: none. */
  | {
      readonly kind: "leaseRequested";
      readonly worker: WorkerSession;
      readonly running?: readonly ShardId[];
    }
  | {
      readonly kind: "heartbeat";
      readonly worker: WorkerSession;
      readonly leases: readonly {
        readonly token: Token;
        readonly shard: ShardId;
        readonly rowsDone: number;
      }[];
    }
  | { readonly kind: "partialOffered"; readonly worker: WorkerSession; readonly partial: PartialManifest }
  /** The answer to the `verify` effect: the partial is there, whole and durable. */
  | {
      readonly kind: "partialStored";
      readonly shard: ShardId;
      readonly token: Token;
      readonly executionId: string;
    }
  | {
      readonly kind: "partialRejected";
      readonly shard: ShardId;
      readonly token: Token;
      readonly executionId: string;
      readonly reason: FailureReason;
    }
  | {
      readonly kind: "attemptFailed";
      readonly worker: WorkerSession;
      readonly shard: ShardId;
      readonly token: Token;
      readonly reason: FailureReason;
    }
  /** Handed back unfinished, by a drain: nobody's fault. */
  | {
      readonly kind: "leaseReleased";
      readonly worker: WorkerSession;
      readonly shard: ShardId;
      readonly token: Token;
    }
  | { readonly kind: "tick" }
  | { readonly kind: "cancelRequested"; readonly reason: string }
  /** A committed partial is missing or damaged. */
  | {
      readonly kind: "partialDamaged";
      readonly shard: ShardId;
      readonly digest: string;
      readonly reason: string;
    }
  | { readonly kind: "reduced"; readonly outputDigest: string }
  | { readonly kind: "publishDone"; readonly outputDigest: string }
  /** Planning, reducing, publishing or the coordinator's own storage failed for good. */
  | { readonly kind: "jobBroken"; readonly reason: FailureReason };

/** The event of one kind. */
export type EventOf<K extends JobEvent["kind"]> = Extract<JobEvent, { kind: K }>;
