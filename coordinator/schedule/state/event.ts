import type { Digest } from "../../../shared/core/digest.ts";
import type { PinnedTable } from "../../../shared/domain/dataset.ts";
import type { FileSlice } from "../../../shared/domain/dataset-rows.ts";
import type { ExecutionId } from "../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import type { Shard, ShardId } from "../../../shared/domain/shard.ts";
import type { Standing } from "../../../shared/domain/standing.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { FailureReason, JobAccepted } from "./record.ts";

/** Event that can happen to a job. It carries facts instead of decisions. */
export type JobEvent =
  | JobAccepted
  /**
   * `files` are in the dataset's order, which numbers their rows. `shards` are in plan order. No shard has
   * the rows in `pruned` and `skipped`. Default: none.
   */
  | {
      readonly kind: "planSealed";
      readonly files: readonly {
        readonly path: string;
        readonly rows: number;
        /** Files that it lists, if a run over new files must find them again. */
        readonly lists?: readonly string[];
      }[];
      readonly pruned?: readonly FileSlice[];
      readonly skipped?: readonly FileSlice[];
      readonly pins?: readonly PinnedTable[];
      readonly shards: readonly Shard[];
    }
  /** `name` outlives the session: strikes and backups use it. */
  | (Of<"workerJoined", ByWorker> & { readonly name: string; readonly slots: number })
  /**
   * `exited`: its process exited, or its connection was broken for longer than the grace. `silent`: it made
   * no call for too long. `left`: it drained and deregistered.
   */
  | (Of<"workerLost", ByWorker> & {
      readonly how: "exited" | "silent" | "left";
      readonly message: string;
    })
  /**
   * The worker must not work for this job, because its device computes wrong numbers or it is unfit. Its
   * shards return without a failure.
   */
  | (Of<"workerRefused", ByWorker> & WithReason)
  /** `running`: shards that the worker still runs under tokens of an earlier generation. Default: none. */
  | (Of<"leaseRequested", ByWorker> & { readonly running?: readonly ShardId[] })
  | (Of<"heartbeat", ByWorker> & { readonly leases: readonly (Attempted & { readonly rowsDone: number })[] })
  | (Of<"partialOffered", ByWorker> & { readonly partial: PartialManifest })
  /** The answer to the `verify` effect: the partial is present, complete and durable. */
  | Of<"partialStored", Executed>
  | Of<"partialRejected", Executed & WithReason>
  | Of<"attemptFailed", ByWorker & Attempted & WithReason>
  /** A drain returned the shard unfinished. Nothing counts as a failure. */
  | Of<"leaseReleased", ByWorker & Attempted>
  | { readonly kind: "tick" }
  | { readonly kind: "cancelRequested"; readonly reason: string }
  /** Missing fields stay unchanged. */
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
  /** Planning, reducing, publishing or the coordinator's own storage failed permanently. */
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

/** Event of one kind. */
export type EventOf<K extends JobEvent["kind"]> = Extract<JobEvent, { kind: K }>;

/** Reason why a worker is lost. */
export type HowLost = EventOf<"workerLost">["how"];
