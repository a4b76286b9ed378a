import { assert } from "../../../shared/core/assert.ts";
import type { JobPhase } from "../../../shared/domain/job.ts";
import type { JobEvent } from "./event.ts";
import { type JobState, setShardState } from "./job-state.ts";
import { historyOf } from "./shard-place.ts";
import type { ShardEntry, ShardKind, ShardState } from "./shard-state.ts";

// The legal moves, on one screen. A cell that is not here throws.

/**
 * `act`: the event's own file decides. `late`: it came after the job's end, is answered and changes nothing.
 */
type Cell = "act" | "late";

const EVER = { workerJoined: "act", workerLost: "act", workerRefused: "act", tick: "act" } as const;
const FROM_WORKERS = {
  leaseRequested: "act",
  heartbeat: "act",
  partialOffered: "act",
  attemptFailed: "act",
  leaseReleased: "act",
} as const;
const ALIVE = { ...EVER, ...FROM_WORKERS, cancelRequested: "act", jobBroken: "act" } as const;
const ENDED = {
  ...EVER,
  leaseRequested: "late",
  heartbeat: "late",
  partialOffered: "late",
  attemptFailed: "late",
  leaseReleased: "late",
  cancelRequested: "late",
  partialStored: "late",
  partialRejected: "late",
  partialDamaged: "late",
  reduced: "late",
  publishDone: "late",
  jobBroken: "late",
} as const;

/** Job phase x event. */
const JOB_MOVES = {
  planning: { ...ALIVE, jobAccepted: "act", planSealed: "act" },
  running: { ...ALIVE, partialStored: "act", partialRejected: "act", partialDamaged: "act" },
  reducing: { ...ALIVE, partialDamaged: "act", reduced: "act" },
  publishing: { ...ALIVE, publishDone: "act" },
  published: ENDED,
  // Planning may still be under way when the job is cancelled or broken.
  failed: { ...ENDED, jobAccepted: "late", planSealed: "late" },
  cancelled: { ...ENDED, jobAccepted: "late", planSealed: "late" },
} as const satisfies Record<JobPhase, Partial<Record<JobEvent["kind"], Cell>>>;

export type ShardMove =
  | "granted"
  /** Expired, failed, released, or its worker is lost. */
  | "leaseEnded"
  | "offered"
  | "stored"
  | "rejected"
  | "revoked"
  | "splitUp"
  | "poisoned"
  | "jobEnded";

/** Shard state x move -> the states that it may lead to. */
const SHARD_MOVES: Record<ShardKind, Partial<Record<ShardMove, readonly ShardKind[]>>> = {
  pending: {
    granted: ["leased"],
    offered: ["committing"],
    // Only in replay: leases and offers are not in the journal's fold.
    stored: ["committed"],
    splitUp: ["split"],
    poisoned: ["poisoned"],
  },
  leased: {
    granted: ["leased"],
    leaseEnded: ["leased", "pending"],
    offered: ["committing"],
    jobEnded: ["pending"],
  },
  committing: {
    leaseEnded: ["committing"],
    offered: ["committing"],
    stored: ["committed"],
    rejected: ["committing", "leased", "pending"],
    jobEnded: ["pending"],
  },
  committed: { revoked: ["pending"] },
  split: {},
  poisoned: {},
};

export function cellOf(state: JobState, event: JobEvent): Cell {
  const row: Partial<Record<JobEvent["kind"], Cell>> = JOB_MOVES[state.phase];
  const cell = row[event.kind];
  if (cell !== undefined) return cell;
  const entry = "shard" in event ? state.shards[event.shard] : undefined;
  const history = entry === undefined ? "" : `; ${historyOf(state, entry)}`;
  throw new Error(`broken invariant: ${event.kind} while the job is ${state.phase}${history}`);
}

/** Moves a shard along a legal arrow. */
export function moveShard(state: JobState, entry: ShardEntry, move: ShardMove, next: ShardState): void {
  const targets = SHARD_MOVES[entry.state.kind][move];
  if (targets === undefined || !targets.includes(next.kind)) {
    assert(false, `${move} leads from ${entry.state.kind} to ${next.kind}; ${historyOf(state, entry)}`);
  }
  setShardState(state, entry, next);
}
