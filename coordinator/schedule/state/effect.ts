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
 * Everything that the core wants done. The shell runs the effects of one event in order; when a `durable`
 * append is among them, those after it wait until the record is on disk: no answer before its record.
 */
export type JobEffect =
  | { readonly kind: "append"; readonly record: JournalRecord; readonly durable: boolean }
  // Answers to the call that brought the event. Exactly one of these for leaseRequested, heartbeat,
  // attemptFailed, leaseReleased, cancelRequested and standingRequested.
  | {
      readonly kind: "grant";
      readonly worker: WorkerSession;
      readonly shard: Shard;
      readonly token: Token;
      readonly leaseMs: number;
    }
  /** No lease now; ask again after `wake` or at `retryAtMs`. */
  | {
      readonly kind: "noLease";
      readonly worker: WorkerSession;
      readonly why: NoLeaseReason;
      readonly retryAtMs: number | null;
    }
  /** For each lease of the heartbeat: renewed, or lost and to be dropped. */
  | {
      readonly kind: "heartbeatReply";
      readonly worker: WorkerSession;
      readonly leases: readonly { readonly token: Token; readonly shard: ShardId; readonly live: boolean }[];
    }
  | { readonly kind: "done" }
  | { readonly kind: "refuse"; readonly reason: FailureReason }
  /**
   * The answer to a partialOffered; for an accepted offer it comes later, from partialStored or
   * partialRejected.
   */
  | {
      readonly kind: "settleOffer";
      readonly shard: ShardId;
      readonly token: Token;
      readonly executionId: ExecutionId;
      readonly outcome: OfferOutcome;
    }
  // Work for the shell.
  /**
   * Check that the partial's files are there, whole, and durable; answer with partialStored or
   * partialRejected.
   */
  | { readonly kind: "verify"; readonly partial: PartialManifest }
  /** This partial lost: its files may be deleted. */
  | { readonly kind: "discard"; readonly partial: PartialManifest }
  /**
   * Waiting lease requests may be tried again: for `shards` became available, or the `freed` workers have a
   * slot again.
   */
  | { readonly kind: "wake"; readonly shards: boolean; readonly freed: readonly WorkerSession[] }
  /** A worker is excluded for a while, or (null) trusted again: for the log. */
  | {
      readonly kind: "exclusion";
      readonly name: string;
      readonly excludedForMs: number | null;
      readonly reason: string;
    }
  /** All rows are accounted for: reduce, then answer with reduced, partialDamaged or jobBroken. */
  | { readonly kind: "startReduce" }
  /** The intent is durable: publish, then answer with publishDone or jobBroken. */
  | { readonly kind: "publish"; readonly outputDigest: Digest }
  | {
      readonly kind: "jobEnded";
      readonly phase: "published" | "failed" | "cancelled";
      readonly reason: FailureReason | null;
    };

export type NoLeaseReason =
  /** Every shard is done or in other hands. */
  | "nothingPending"
  /** Shards wait for their back-off. */
  | "backingOff"
  /** The worker holds as many leases as it has slots. */
  | "slotsFull"
  /** The worker failed too often: see policy/exclusion.ts. */
  | "excluded"
  /** The job is paused. */
  | "paused"
  | "jobEnded";

export type OfferOutcome =
  | { readonly kind: "committed" }
  /** Another partial of the shard was first: drop this one, nothing is wrong. */
  | { readonly kind: "alreadyCommitted" }
  | { readonly kind: "refused"; readonly reason: FailureReason };

/** One event at work: the state that it changes, when it happens, and the effects so far. */
export interface EventContext {
  readonly state: JobState;
  readonly nowMs: number;
  readonly effects: JobEffect[];
}

/** A fact that must be on disk before anything that follows it is done. */
export function recordDurably(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: true });
}

/** A fact whose loss costs repeated work at most. */
export function recordSoon(context: EventContext, record: JournalRecord): void {
  evolve(context.state, record);
  context.effects.push({ kind: "append", record, durable: false });
}

/** Shards became available. */
export function wake(context: EventContext): void {
  mergeWake(context, true, []);
}

/** A worker has a slot again. */
export function wakeWorker(context: EventContext, session: WorkerSession): void {
  if (context.state.phase.kind === "running") mergeWake(context, false, [session]);
}

/** One an event is enough. */
function mergeWake({ effects }: EventContext, shards: boolean, freed: readonly WorkerSession[]): void {
  const at = effects.findIndex(({ kind }) => kind === "wake");
  const [before] = at < 0 ? [] : effects.splice(at, 1);
  const merged = before?.kind === "wake" ? before : { shards: false, freed: [] };
  effects.push({ kind: "wake", shards: merged.shards || shards, freed: [...merged.freed, ...freed] });
}
