import type { JobPhase } from "../../../shared/domain/job.ts";
import { BrokenLaw } from "../../../shared/domain/laws.ts";
import type { JobEvent } from "./event.ts";
import type { JobState, Phase } from "./job-state.ts";
import { historyOf } from "./shard-place.ts";
import { leasesOf, type ShardEntry, type ShardKind, type ShardState } from "./shard-state.ts";

// Allowed events, and the legal moves of jobs and shards. Everything else throws.

/**
 * `act`: the event's handler decides. `late`: the event came after the job's end, is answered and changes
 * nothing.
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
const ALIVE = {
  ...EVER,
  ...FROM_WORKERS,
  cancelRequested: "act",
  standingRequested: "act",
  jobBroken: "act",
} as const;
const ENDED = {
  ...EVER,
  leaseRequested: "late",
  heartbeat: "late",
  partialOffered: "late",
  attemptFailed: "late",
  leaseReleased: "late",
  cancelRequested: "late",
  standingRequested: "late",
  partialStored: "late",
  partialRejected: "late",
  partialDamaged: "late",
  reduced: "late",
  publishDone: "late",
  jobBroken: "late",
} as const;

/** Job phase x event: the allowed events. */
const EVENTS = {
  planning: { ...ALIVE, jobAccepted: "act", planSealed: "act" },
  running: { ...ALIVE, partialStored: "act", partialRejected: "act", partialDamaged: "act" },
  reducing: { ...ALIVE, partialDamaged: "act", reduced: "act" },
  publishing: { ...ALIVE, publishDone: "act" },
  published: ENDED,
  // Planning may still run when the job is cancelled or broken.
  failed: { ...ENDED, jobAccepted: "late", planSealed: "late" },
  cancelled: { ...ENDED, jobAccepted: "late", planSealed: "late" },
} as const satisfies Record<JobPhase, Partial<Record<JobEvent["kind"], Cell>>>;

export type JobMove =
  | "planSealed"
  | "lastShardDone"
  | "shardRevoked"
  | "publishIntent"
  | "published"
  | "failed"
  | "cancelled"
  /** Another run resumes with what a failed or cancelled one committed. */
  | "revived";

/** Job phase x move -> the phases that it may lead to. */
const JOB_MOVES: Record<JobPhase, Partial<Record<JobMove, readonly JobPhase[]>>> = {
  planning: { planSealed: ["running"], failed: ["failed"], cancelled: ["cancelled"] },
  running: { lastShardDone: ["reducing"], failed: ["failed"], cancelled: ["cancelled"] },
  reducing: {
    shardRevoked: ["running"],
    publishIntent: ["publishing"],
    failed: ["failed"],
    cancelled: ["cancelled"],
  },
  publishing: { published: ["published"], failed: ["failed"] },
  published: {},
  failed: { revived: ["planning", "running", "publishing"] },
  cancelled: { revived: ["planning", "running"] },
};

export type ShardMove =
  | "granted"
  /** The lease expired, failed or was released, or its worker is lost. */
  | "leaseEnded"
  | "offered"
  | "stored"
  | "rejected"
  | "revoked"
  | "splitUp"
  | "poisoned"
  /** A shard that the journal made pending gets its times, and waits. */
  | "queued"
  | "jobEnded";

/** Shard state x move -> the states that it may lead to. */
const SHARD_MOVES: Record<ShardKind, Partial<Record<ShardMove, readonly ShardKind[]>>> = {
  pending: {
    granted: ["leased"],
    offered: ["committing"],
    // `stored` leads from here only in replay, because leases and offers are not in the journal's fold.
    stored: ["committed"],
    splitUp: ["split"],
    poisoned: ["poisoned"],
    queued: ["pending"],
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
  const { kind } = state.phase;
  const row: Partial<Record<JobEvent["kind"], Cell>> = EVENTS[kind];
  const cell = row[event.kind];
  if (cell !== undefined) return cell;
  const entry = "shard" in event ? state.shards[event.shard] : undefined;
  const history = entry === undefined ? "" : `; ${historyOf(state, entry)}`;
  throw new BrokenLaw("legal-moves", `${event.kind} while the job is ${kind}${history}`);
}

/** Moves the job to another phase. No other code changes the phase. */
export function moveJob(state: JobState, move: JobMove, next: Phase): void {
  const { kind } = state.phase;
  if (JOB_MOVES[kind][move]?.includes(next.kind) !== true) {
    throw new BrokenLaw("legal-moves", `${move} leads from ${kind} to ${next.kind}`);
  }
  const writable: { phase: Phase } = state;
  writable.phase = next;
}

/** Sets the phase of a state that is read from a snapshot. */
export function restorePhase(state: JobState, phase: Phase): void {
  const writable: { phase: Phase } = state;
  writable.phase = phase;
}

/**
 * Moves a shard to another state, and updates the counts over all shards. No other code changes the state.
 */
export function moveShard(state: JobState, entry: ShardEntry, move: ShardMove, next: ShardState): void {
  const { kind } = entry.state;
  if (SHARD_MOVES[kind][move]?.includes(next.kind) !== true) {
    throw new BrokenLaw(
      "legal-moves",
      `${move} leads from ${kind} to ${next.kind}; ${historyOf(state, entry)}`,
    );
  }
  state.counts[kind] -= 1;
  state.counts[next.kind] += 1;
  state.extraLeases += extraLeases(next) - extraLeases(entry.state);
  if (next.kind === "committing") state.committing.add(entry);
  else state.committing.delete(entry);
  const writable: { state: ShardState } = entry;
  writable.state = next;
}

function extraLeases(state: ShardState): number {
  return Math.max(0, leasesOf(state).length - 1);
}
