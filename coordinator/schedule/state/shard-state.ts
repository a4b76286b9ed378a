import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import { compareShards, type Shard, type ShardId } from "../../../shared/domain/shard.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { AttemptEnd } from "./record.ts";

/**
 * Where a shard is:
 *
 *     pending -> leased -> committing -> committed
 *        |  <------ ------------'            |
 *        |  <------------- revoked ----------'
 *        '-> split | poisoned
 *
 * A partial may also be offered while the shard is pending: its lease ran out, its work is good all the same.
 */
export type ShardState =
  | { readonly kind: "pending"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** One lease, or two where a backup was granted. */
  | { readonly kind: "leased"; readonly leases: readonly LeaseEntry[] }
  /** `offer` is being verified; `waiting` came in meanwhile; `leases` are still at work. */
  | {
      readonly kind: "committing";
      readonly offer: Offer;
      readonly waiting: readonly Offer[];
      readonly leases: readonly LeaseEntry[];
    }
  | { readonly kind: "committed"; readonly partial: PartialManifest }
  | { readonly kind: "split"; readonly atRow: number; readonly into: readonly [ShardId, ShardId] }
  | { readonly kind: "poisoned"; readonly deadLetter: DeadLetter };

export type ShardKind = ShardState["kind"];

/** A shard and all that is remembered of it. */
export interface ShardEntry {
  readonly shard: Shard;
  /** The shard that this is a half of. */
  readonly parent: ShardId | null;
  /** Changed only along the arrows in `moves.ts`. */
  readonly state: ShardState;
  /** The newest executions, oldest first by token; see {@link MAX_ATTEMPTS_KEPT}. */
  attempts: readonly AttemptEntry[];
  /** Tokens up to this one have been forgotten: an offer under one of them is refused. */
  forgottenUpTo: Token | null;
  /** The ends that count against the shard, oldest first; emptied when a commit is revoked. */
  failures: readonly CountedFailure[];
  /** How often a committed partial was damaged later. */
  revocations: number;
  /** Changes with each entry into the queue: an item of the queue with an older number is void. */
  queueSeq: number;
}

/**
 * Executions remembered for a shard. Expiries are not counted as failures, so a shard may have any number;
 * their history needs the last few, and a token that is forgotten is fenced by `forgottenUpTo`.
 */
export const MAX_ATTEMPTS_KEPT = 16;

export interface AttemptEntry {
  readonly token: Token;
  /** The worker's name. */
  readonly worker: string;
  readonly backup: boolean;
  /** Null while it runs, and for ever if the coordinator died before its end. */
  readonly end: AttemptEnd | null;
}

export interface CountedFailure {
  readonly worker: string;
  readonly died: boolean;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A live lease. Gone from every index once `live` is false. */
export interface LeaseEntry {
  readonly entry: ShardEntry;
  readonly token: Token;
  readonly session: WorkerSession;
  readonly workerName: string;
  readonly backup: boolean;
  readonly startedMs: number;
  expiresMs: number;
  rowsDone: number;
  live: boolean;
}

export interface Offer {
  readonly partial: PartialManifest;
  /** The name of the worker that offered it. */
  readonly workerName: string;
  /** How fast it was made; null when its lease was no longer live. */
  readonly msPerRow: number | null;
}

/**
 * Offers that may wait behind the one being verified: two leases and one late token. More are asked to come
 * again.
 */
export const MAX_WAITING_OFFERS = 3;

export function leasesOf(state: ShardState): readonly LeaseEntry[] {
  return state.kind === "leased" || state.kind === "committing" ? state.leases : [];
}

export function offersOf(state: ShardState): readonly Offer[] {
  return state.kind === "committing" ? [state.offer, ...state.waiting] : [];
}

/** Neither committed, split nor poisoned: there is work left. */
export function isOpen(kind: ShardKind): boolean {
  return kind === "pending" || kind === "leased" || kind === "committing";
}

/**
 * A shard that a worker died with, or a half of one. It runs alone on its worker, so that when the worker
 * dies the blame is certain: a sound shard must not become a dead letter for having been prefetched beside a
 * poisoned one.
 */
export function isSuspect(entry: ShardEntry): boolean {
  return entry.parent !== null || entry.failures.some(({ died }) => died);
}

/** A shard whose next attempt not every worker may make. */
export function isMarked(entry: ShardEntry): boolean {
  return entry.failures.length > 0 || isSuspect(entry);
}

export function inPlanOrder(entries: readonly ShardEntry[]): ShardEntry[] {
  return entries.toSorted((a, b) => compareShards(a.shard, b.shard));
}
