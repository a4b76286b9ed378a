import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import { compareShards, type Shard, type ShardId } from "../../../shared/domain/shard.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { CommittedShard } from "./packed-commit.ts";
import type { AttemptEnd } from "./record.ts";

/**
 * State of a shard:
 *
 *     pending -> leased -> committing -> committed
 *        |  <------ ------------'            |
 *        |  <------------- revoked ----------'
 *        '-> split | poisoned
 *
 * A partial may also be offered while the shard is pending: its lease expired, but the partial is still good.
 */
export type ShardState =
  | { readonly kind: "pending"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** One lease, or two with a backup. */
  | { readonly kind: "leased"; readonly leases: readonly LeaseEntry[] }
  /** `offer` is being verified, `waiting` arrived meanwhile, and `leases` still run. */
  | {
      readonly kind: "committing";
      readonly offer: Offer;
      readonly waiting: readonly Offer[];
      readonly leases: readonly LeaseEntry[];
    }
  | CommittedShard
  | { readonly kind: "split"; readonly atRow: number; readonly into: readonly [ShardId, ShardId] }
  | { readonly kind: "poisoned"; readonly deadLetter: DeadLetter };

export type ShardKind = ShardState["kind"];

/** A shard with its history. */
export interface ShardEntry {
  readonly shard: Shard;
  /** Shard that this one is a half of. Null: none. */
  readonly parent: ShardId | null;
  /** Changed only by the moves in `moves.ts`. */
  readonly state: ShardState;
  /** Newest executions, in token order, see {@link MAX_ATTEMPTS_KEPT}. */
  attempts: readonly AttemptEntry[];
  /** Highest dropped token: offers up to this token are refused. */
  forgottenUpTo: Token | null;
  /** Ends that count against the shard, oldest first. Cleared when a commit is revoked. */
  failures: readonly CountedFailure[];
  /** Number of committed partials that were damaged later. */
  revocations: number;
  /** Changes with each entry into the queue. A queue item with an older number is void. */
  queueSeq: number;
}

/**
 * Limit of executions that are kept for a shard. Expiries are not failures, so their number is unlimited. The
 * history needs the last few, and `forgottenUpTo` fences dropped tokens.
 */
export const MAX_ATTEMPTS_KEPT = 16;

export interface AttemptEntry {
  readonly token: Token;
  /** Name of the worker. */
  readonly worker: string;
  readonly backup: boolean;
  /** Null while the attempt runs, and forever if the coordinator crashed before its end. */
  readonly end: AttemptEnd | null;
}

export interface CountedFailure {
  readonly worker: string;
  readonly lostWorker: boolean;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A live lease. Once `live` is false, no index has it. */
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
  /** Name of the worker that offered the partial. */
  readonly workerName: string;
  /** Speed of the attempt. Null: its lease was no longer live. */
  readonly msPerRow: number | null;
}

/**
 * Limit of offers that wait behind the one being verified: two leases and one late token. Further ones must
 * be repeated later.
 */
export const MAX_WAITING_OFFERS = 3;

export function leasesOf(state: ShardState): readonly LeaseEntry[] {
  return state.kind === "leased" || state.kind === "committing" ? state.leases : [];
}

export function offersOf(state: ShardState): readonly Offer[] {
  return state.kind === "committing" ? [state.offer, ...state.waiting] : [];
}

/** Checks whether a shard has work left: it is neither committed, split nor poisoned. */
export function isOpen(kind: ShardKind): boolean {
  return kind === "pending" || kind === "leased" || kind === "committing";
}

/**
 * Checks whether a shard crashed a worker, or is a half of such a shard. A suspect runs alone on its worker,
 * so that the cause of another crash is certain. A good shard must not become a dead letter because it was
 * prefetched beside a poisoned one.
 */
export function isSuspect(entry: ShardEntry): boolean {
  return entry.parent !== null || entry.failures.some(({ lostWorker }) => lostWorker);
}

/** Checks whether the next attempt of a shard is restricted to certain workers. */
export function isMarked(entry: ShardEntry): boolean {
  return entry.failures.length > 0 || isSuspect(entry);
}

export function inPlanOrder(entries: readonly ShardEntry[]): ShardEntry[] {
  return entries.toSorted((a, b) => compareShards(a.shard, b.shard));
}
