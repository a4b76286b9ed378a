import { recordOf } from "../../../shared/core/record-of.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import { ROW_COUNTS, RUN_COUNTS } from "../../../shared/domain/row-counts.ts";
import type { JobProgress } from "../../../shared/domain/run-facts.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import { type JobState, plannedShards } from "./job-state.ts";
import { inPlanOrder } from "./shard-state.ts";

/** Returns the progress of the job, in O(live leases). */
export function jobProgress(state: JobState): JobProgress {
  const { totals, counts } = state;
  return {
    phase: state.phase.kind,
    rowsTotal: totals.rows,
    rowsPruned: state.rows.pruned,
    rowsSkipped: state.rows.skipped,
    rowsDone: totals.rowsCommitted + counts.poisoned + rowsInFlight(state),
    rowsCommitted: totals.rowsCommitted,
    ...recordOf(RUN_COUNTS, (name) => totals[ROW_COUNTS[name].run.total]),
    deadLetters: totals.deadLetters,
    shardsTotal: plannedShards(state),
    shardsCommitted: counts.committed,
    shardsLeased: counts.leased + counts.committing,
    attempts: totals.attempts,
    attemptsFailed: totals.attemptsFailed,
    workers: state.workers.size,
  };
}

/** Returns the number of leases that a worker session holds. */
export function liveLeases(state: JobState, session: WorkerSession): number {
  return state.workers.get(session)?.leases.size ?? 0;
}

/** Returns the partials that the output is made of, in plan order. */
export function committedPartials(state: JobState): PartialManifest[] {
  return inPlanOrder(state.shards).flatMap(({ state: shard }) =>
    shard.kind === "committed" ? [shard.partial] : [],
  );
}

/**
 * Returns the rows that crashed their workers, in plan order. The committed partials hold the other dead
 * letters.
 */
export function poisonedRows(state: JobState): DeadLetter[] {
  if (state.counts.poisoned === 0) return [];
  return inPlanOrder(state.shards).flatMap(({ state: shard }) =>
    shard.kind === "poisoned" ? [shard.deadLetter] : [],
  );
}

/**
 * Counts rows in progress. Of two leases on a shard, only the further one counts. Rows that are being
 * verified are done.
 */
function rowsInFlight(state: JobState): number {
  let rows = 0;
  for (const { partial } of verified(state)) rows += partial.rowsIn;
  for (const lease of state.leases.values()) {
    const { state: shard } = lease.entry;
    if (shard.kind !== "leased") continue;
    const furthest = shard.leases.every((other) => other === lease || outruns(lease, other));
    if (furthest) rows += lease.rowsDone;
  }
  return rows;
}

function* verified(state: JobState) {
  for (const { state: shard } of state.committing) if (shard.kind === "committing") yield shard.offer;
}

/** Compares the progress of two leases. The older one wins a tie, so that exactly one is counted. */
function outruns(
  a: { rowsDone: number; token: { sequence: number } },
  b: { rowsDone: number; token: { sequence: number } },
): boolean {
  return a.rowsDone > b.rowsDone || (a.rowsDone === b.rowsDone && a.token.sequence < b.token.sequence);
}
