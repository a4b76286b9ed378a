import type { Digest } from "../../../shared/core/digest.ts";
import type { ExecutionId } from "../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import type { Shard, ShardId } from "../../../shared/domain/shard.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import { evolve } from "./evolve.ts";
import type { JobState } from "./job-state.ts";
import type { FailureReason, JournalRecord } from "./record.ts";

/**
 * Work that the core requests. The shell runs the effects of one event in order. Effects after a `durable`
 * append wait until the record is on disk, so that no answer precedes its record.
 */
export type JobEffect =
  | { readonly kind: "append"; readonly record: JournalRecord; readonly durable: boolean }
  // Answers to the call behind the event. Each leaseRequested, heartbeat, attemptFailed, leaseReleased,
  // cancelRequested and standingRequested gets exactly one.
  | {
      readonly kind: "grant";
      readonly worker: WorkerSession;
      readonly shard: Shard;
      readonly token: Token;
      readonly leaseMs: number;
    }
  /** The worker gets no lease now. It asks again after `wake` or at `retryAtMs`. */
  | {
      readonly kind: "noLease";
      readonly worker: WorkerSession;
      readonly why: NoLeaseReason;
      readonly retryAtMs: number | null;
    }
  /** Each lease of the heartbeat: renewed, or lost and to be dropped. */
  | {
      readonly kind: "heartbeatReply";
      readonly worker: WorkerSession;
      readonly leases: readonly { readonly token: Token; readonly shard: ShardId; readonly live: boolean }[];
    }
  | { readonly kind: "done" }
  | { readonly kind: "refuse"; readonly reason: FailureReason }
  /** The answer to a partialOffered. For an accepted offer it follows partialStored or partialRejected. */
  | {
      readonly kind: "settleOffer";
      readonly shard: ShardId;
      readonly token: Token;
      readonly executionId: ExecutionId;
      readonly outcome: OfferOutcome;
    }
  // Requests to the shell.
  /**
   * Check that the partial's files are present, complete and durable. Answer with partialStored or
   * partialRejected.
   */
  | { readonly kind: "verify"; readonly partial: PartialManifest }
  /** Delete the files of this partial, which lost. */
  | { readonly kind: "discard"; readonly partial: PartialManifest }
  /**
   * Retry waiting lease requests, because `shards` became available, or the `freed` workers have a slot
   * again.
   */
  | { readonly kind: "wake"; readonly shards: boolean; readonly freed: readonly WorkerSession[] }
  /** A worker was excluded, or is trusted again (null). For the log. */
  | {
      readonly kind: "exclusion";
      readonly name: string;
      readonly excludedForMs: number | null;
      readonly reason: string;
    }
  /** All rows are accounted for. Reduce, then answer with reduced, partialDamaged or jobBroken. */
  | { readonly kind: "startReduce" }
  /** The intent is durable. Publish, then answer with publishDone or jobBroken. */
  | { readonly kind: "publish"; readonly outputDigest: Digest }
  | {
      readonly kind: "jobEnded";
      readonly phase: "published" | "failed" | "cancelled";
      readonly reason: FailureReason | null;
    };

export type NoLeaseReason =
  /** Every shard is done or leased to others. */
  | "nothingPending"
  /** Shards wait for their back-off. */
  | "backingOff"
  /** The worker holds as many leases as it has slots, or must finish them first. */
  | "slotsFull"
  /** The worker failed too often, see policy/exclusion.ts. */
  | "excluded"
  /** The job is paused. */
  | "paused"
  | "jobEnded";

export type OfferOutcome =
  | { readonly kind: "committed" }
  /** Another partial of the shard was first. The worker drops this one, which is no error. */
  | { readonly kind: "alreadyCommitted" }
  | { readonly kind: "refused"; readonly reason: FailureReason };

/** Context of one event: the state that it changes, its time, and the effects so far. */
export interface EventContext {
  readonly state: JobState;
  readonly nowMs: number;
  readonly effects: JobEffect[];
}

/** Applies a record that must be on disk before any later effect runs. */
export function recordDurably(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: true });
}

/** Applies a record that may be lost. Losing it costs repeated work at most. */
export function recordSoon(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: false });
}

/** Notes that shards became available. */
export function wake(context: EventContext): void {
  mergeWake(context, true, []);
}

/** Notes that a worker has a free slot again. */
export function wakeWorker(context: EventContext, session: WorkerSession): void {
  if (context.state.phase.kind === "running") mergeWake(context, false, [session]);
}

/** Merges the wake effects of an event into one. */
function mergeWake({ effects }: EventContext, shards: boolean, freed: readonly WorkerSession[]): void {
  const at = effects.findIndex(({ kind }) => kind === "wake");
  const [before] = at < 0 ? [] : effects.splice(at, 1);
  const merged = before?.kind === "wake" ? before : { shards: false, freed: [] };
  effects.push({ kind: "wake", shards: merged.shards || shards, freed: [...merged.freed, ...freed] });
}
