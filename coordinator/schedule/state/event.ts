import type { Digest } from "../../../shared/core/digest.ts";
import type { FileSlice } from "../../../shared/domain/dataset-rows.ts";
import type { ExecutionId } from "../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import type { Shard, ShardId } from "../../../shared/domain/shard.ts";
import type { Standing } from "../../../shared/domain/standing.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { FailureReason, JobAccepted } from "./record.ts";

/** Everything that can happen to a job. Events carry facts, not decisions. */
export type JobEvent =
  | JobAccepted
  /**
   * `files` in the dataset's order, so that a row can be named; `pruned` and `skipped` rows of them are in
   * no shard (left out: none); `shards` in plan order.
   */
  | {
      readonly kind: "planSealed";
      readonly files: readonly { readonly path: string; readonly rows: number }[];
      readonly pruned?: readonly FileSlice[];
      readonly skipped?: readonly FileSlice[];
      readonly shards: readonly Shard[];
    }
  /** `name` outlives the session: strikes and backup leases look at it. */
  | (Of<"workerJoined", ByWorker> & { readonly name: string; readonly slots: number })
  /**
   * `died`: its process ended, or its connection is gone beyond the grace. `silent`: nothing was heard of it
   * for too long. `left`: it drained and said goodbye.
   */
  | (Of<"workerLost", ByWorker> & {
      readonly how: "died" | "silent" | "left";
      readonly message: string;
    })
  /** It must not work for this job: its device gives wrong numbers. Its leases go back unmarked. */
  | (Of<"workerRefused", ByWorker> & WithReason)
  /** `running`: shards that it still runs under tokens of an earlier generation. Left out: none. */
  | (Of<"leaseRequested", ByWorker> & { readonly running?: readonly ShardId[] })
  | (Of<"heartbeat", ByWorker> & { readonly leases: readonly (Attempted & { readonly rowsDone: number })[] })
  | (Of<"partialOffered", ByWorker> & { readonly partial: PartialManifest })
  /** The answer to the `verify` effect: the partial is there, whole and durable. */
  | Of<"partialStored", Executed>
  | Of<"partialRejected", Executed & WithReason>
  | Of<"attemptFailed", ByWorker & Attempted & WithReason>
  /** Handed back unfinished, by a drain: nobody's fault. */
  | Of<"leaseReleased", ByWorker & Attempted>
  | { readonly kind: "tick" }
  | { readonly kind: "cancelRequested"; readonly reason: string }
  /** What is left out stays as it is. */
  | { readonly kind: "standingRequested"; readonly change: Partial<Standing> }
  /** A committed partial is missing or damaged. */
  | {
      readonly kind: "partialDamaged";
      readonly shard: ShardId;
      readonly digest: Digest;
      readonly reason: string;
    }
  | { readonly kind: "reduced"; readonly outputDigest: Digest }
  | { readonly kind: "publishDone"; readonly outputDigest: Digest }
  /** Planning, reducing, publishing or the coordinator's own storage failed for good. */
  | Of<"jobBroken", WithReason>;

type Of<K extends string, Fields> = { readonly kind: K } & Fields;

interface ByWorker {
  readonly worker: WorkerSession;
}

interface Attempted {
  readonly shard: ShardId;
  readonly token: Token;
}

interface Executed extends Attempted {
  readonly executionId: ExecutionId;
}

interface WithReason {
  readonly reason: FailureReason;
}

/** The event of one kind. */
export type EventOf<K extends JobEvent["kind"]> = Extract<JobEvent, { kind: K }>;

/** In what way a worker is gone. */
export type HowLost = EventOf<"workerLost">["how"];
