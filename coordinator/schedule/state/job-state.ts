import type { Digest } from "../../../shared/core/digest.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { Heap } from "../../../shared/core/heap.ts";
import { recordOf } from "../../../shared/core/record-of.ts";
import { DatasetRows } from "../../../shared/domain/dataset-rows.ts";
import { RUN_TOTALS, type RunTotals } from "../../../shared/domain/row-counts.ts";
import { compareShards, type Shard, type ShardId } from "../../../shared/domain/shard.ts";
import { type Standing, USUAL_STANDING } from "../../../shared/domain/standing.ts";
import { type Token, tokenKey } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import { type ScheduleConfig, validateScheduleConfig } from "./config.ts";
import type { FileLayouts } from "./packed-commit.ts";
import type { FailureReason, JobAccepted } from "./record.ts";
import { isOpen, type LeaseEntry, type ShardEntry, type ShardKind } from "./shard-state.ts";
import { SpeedSamples } from "./speed-samples.ts";

/** State of a running job. Mutable, and owned by one shell. Only `applyEvent` and `replay` change it. */
export interface JobState {
  readonly config: ScheduleConfig;
  readonly generation: number;

  // Durable facts, the fold of the journal. Only `evolve` changes them.
  /** Changed only by the moves in `moves.ts`. */
  readonly phase: Phase;
  /** Null until the job is accepted. */
  accepted: AcceptedJob | null;
  standing: Standing;
  /** Paths of the input files of the plan. A resuming coordinator replaces them by the current ones. */
  files: readonly string[];
  /** Rows of these files. */
  rows: DatasetRows;
  /** Shards, indexed by id. */
  readonly shards: ShardEntry[];
  /** Kinds and names of the files of committed partials. */
  readonly layouts: FileLayouts;
  readonly totals: Totals;
  /**
   * Mapping that the job's rows are mapped with: that of the coordinator that committed the first shard.
   * Without a commit it is that of the current coordinator. Empty before the first start.
   */
  mapping: string;
  /** Highest token of any generation. */
  lastToken: Token | null;

  // Counts over the shards, updated with each move.
  readonly counts: Record<ShardKind, number>;
  readonly committing: Set<ShardEntry>;
  /** Leases beyond the first of each shard. */
  extraLeases: number;

  // Live facts, which end with the process.
  sequence: number;
  readonly workers: Map<WorkerSession, WorkerEntry>;
  /** Number of sessions of each worker name. */
  readonly workerNames: Map<string, number>;
  /** Workers with strikes, by name. */
  readonly reputations: Map<string, Reputation>;
  /** Live leases by token key, in the order of their grants. */
  readonly leases: Map<string, LeaseEntry>;
  readonly expiries: Heap<Expiry>;
  readonly queue: PendingQueue;
  readonly speeds: SpeedSamples;
  noWorkersSinceMs: number | null;
  /** Last refusal of a worker. Null: none, or another worker has left since. */
  refusal: Refusal | null;
  /** Time that each open shard has waited for a store that throttles or is unreachable. */
  readonly storeWaits: Map<ShardEntry, number>;
  /** Newest wait for a store, until a shard makes progress. */
  storeWait: StoreWait | null;
}

interface Refusal {
  /** Reason of the last refusal. */
  readonly reason: FailureReason;
  /**
   * Time without any worker before the newest one joined. So a worker that is refused each time it joins does
   * not prolong the grace.
   */
  absentMs: number;
}

interface StoreWait {
  readonly reason: FailureReason;
  readonly sinceMs: number;
}

/**
 * Phase of a job:
 *
 *     planning -> running -> reducing -> publishing -> published
 *                    ^ revoked --'            |
 *     any phase before the end -> failed
 *     any of them but publishing -> cancelled
 *
 * Another run can resume a failed or cancelled job.
 */
export type Phase =
  | { readonly kind: "planning" }
  /** The job has open shards. */
  | { readonly kind: "running" }
  | { readonly kind: "reducing" }
  /** `outputDigest`: digest of the output in the intent to publish. */
  | { readonly kind: "publishing"; readonly outputDigest: Digest }
  | { readonly kind: "published"; readonly outputDigest: Digest }
  /**
   * `intent`: digest of the output that the run was to publish, and that another run must publish. Null: no
   * intent yet.
   */
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly intent: Digest | null }
  | { readonly kind: "cancelled"; readonly reason: FailureReason };

/** Identity of an accepted job. */
export type AcceptedJob = Omit<JobAccepted, "kind">;

export interface Totals extends RunTotals {
  /** Rows of the plan. */
  rows: number;
  /** Rows of committed shards, including dead letters. */
  rowsCommitted: number;
  /** Dead letters of committed shards, and poisoned rows. */
  deadLetters: number;
  attempts: number;
  attemptsFailed: number;
}

export const NO_TOTALS: Readonly<Totals> = {
  rows: 0,
  rowsCommitted: 0,
  ...recordOf(RUN_TOTALS, () => 0),
  deadLetters: 0,
  attempts: 0,
  attemptsFailed: 0,
};

export interface WorkerEntry {
  readonly session: WorkerSession;
  readonly name: string;
  readonly slots: number;
  readonly leases: Set<LeaseEntry>;
  /** Time at which the worker last began to work, finished a row, or offered a partial. */
  movedMs: number;
}

/**
 * Trust in a worker, by name. Strikes outlive its sessions, but not the coordinator process.
 *
 *     trusted -> excluded for a while -> on probation: one shard at a time
 *        ^          ^     (twice as long) <- fails -'            |
 *        '----------'------------------ commits -----------------'
 */
export interface Reputation {
  /** Strikes since its last commit and within the window, oldest first. */
  strikes: readonly Strike[];
  exclusion: Exclusion | null;
}

/** One failure, or one crash with all leases that the worker had. */
interface Strike {
  readonly atMs: number;
  readonly shards: readonly ShardEntry[];
}

interface Exclusion {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly forMs: number;
}

/** `atMs` is when to check the lease, which may have been renewed since. */
interface Expiry {
  readonly atMs: number;
  readonly lease: LeaseEntry;
}

/**
 * Pending shards. An item is void once its shard is not pending or was queued again, see
 * `ShardEntry.queueSeq`.
 */
interface PendingQueue {
  readonly ready: Heap<QueueItem>;
  /** Shards that failed before, see `isMarked`. */
  readonly marked: Heap<QueueItem>;
  readonly backingOff: Heap<QueueItem>;
}

export interface QueueItem {
  readonly entry: ShardEntry;
  readonly seq: number;
  readonly notBeforeMs: number;
}

/** @throws {ARGUMENT_INVALID} when the configuration is invalid */
export function createJobState(config: ScheduleConfig, generation: number): JobState {
  const problems = validateScheduleConfig(config);
  if (problems.length > 0) {
    throw new ShardmillError("ARGUMENT_INVALID", "the schedule's configuration is invalid", { problems });
  }
  const byPlan = (a: QueueItem, b: QueueItem) => compareShards(a.entry.shard, b.entry.shard);
  return {
    config,
    generation,
    phase: { kind: "planning" },
    accepted: null,
    standing: USUAL_STANDING,
    files: [],
    rows: new DatasetRows([]),
    shards: [],
    layouts: new Map(),
    totals: { ...NO_TOTALS },
    mapping: "",
    lastToken: null,
    counts: { pending: 0, leased: 0, committing: 0, committed: 0, split: 0, poisoned: 0 },
    committing: new Set(),
    extraLeases: 0,
    sequence: 0,
    workers: new Map(),
    workerNames: new Map(),
    reputations: new Map(),
    leases: new Map(),
    expiries: new Heap<Expiry>((a, b) => a.atMs - b.atMs),
    queue: {
      ready: new Heap(byPlan),
      marked: new Heap(byPlan),
      backingOff: new Heap<QueueItem>((a, b) => a.notBeforeMs - b.notBeforeMs || byPlan(a, b)),
    },
    speeds: new SpeedSamples(),
    noWorkersSinceMs: null,
    refusal: null,
    storeWaits: new Map(),
    storeWait: null,
  };
}

/** Facts of a new shard. All new shards share them: there may be a million. */
const NEW_SHARD: ShardEntry["state"] = { kind: "pending", sinceMs: 0, notBeforeMs: 0 };
const NONE: readonly never[] = [];

/** Adds a pending shard. Its id must be the next free one. */
export function addShard(state: JobState, shard: Shard, parent: ShardId | null): ShardEntry {
  const entry: ShardEntry = {
    shard,
    parent,
    state: NEW_SHARD,
    attempts: NONE,
    forgottenUpTo: null,
    failures: NONE,
    revocations: 0,
    queueSeq: 0,
  };
  state.shards.push(entry);
  state.counts.pending += 1;
  return entry;
}

/** Returns why the job failed or was cancelled. Null: neither. */
export function unhappyEnd({ phase }: JobState): FailureReason | null {
  return phase.kind === "failed" || phase.kind === "cancelled" ? phase.reason : null;
}

/**
 * Checks whether the job holds shards back. A job that was paused while its last shards ran continues to its
 * end.
 */
export function isPaused({ standing, phase }: JobState): boolean {
  return standing.paused && (phase.kind === "planning" || phase.kind === "running");
}

/** Returns the number of shards that are not assigned until the job is resumed. */
export function heldBack(state: JobState): number {
  return isPaused(state) ? state.counts.pending : 0;
}

/** Returns the number of shards with work left. */
export function openShards({ counts }: JobState): number {
  return counts.pending + counts.leased + counts.committing;
}

/** Returns the number of shards in the plan. A split shard counts as its halves. */
export function plannedShards(state: JobState): number {
  return state.shards.length - state.counts.split;
}

export function isOpenEntry(entry: ShardEntry): boolean {
  return isOpen(entry.state.kind);
}

/** Returns the live lease with this token, if this session holds it. */
export function liveLease(state: JobState, session: WorkerSession, token: Token): LeaseEntry | undefined {
  const lease = state.leases.get(tokenKey(token));
  return lease?.session === session ? lease : undefined;
}

/** Removes a lease from every index. The caller moves its shard to another state. */
export function detachLease(state: JobState, lease: LeaseEntry): void {
  lease.live = false;
  state.leases.delete(tokenKey(lease.token));
  state.workers.get(lease.session)?.leases.delete(lease);
}
