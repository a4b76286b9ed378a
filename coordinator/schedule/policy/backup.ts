import { shardRows } from "../../../shared/domain/shard.ts";
import { type JobState, plannedShards, type WorkerEntry } from "../state/job-state.ts";
import { isSuspect, type LeaseEntry } from "../state/shard-state.ts";

interface BackupChoice {
  /** Slowest lease for its size. Null: this worker may back up none now. */
  readonly lease: LeaseEntry | null;
  /** Time at which the next lease becomes slow. Null: unknown. */
  readonly nextAtMs: number | null;
}

/**
 * Finds a lease that runs too long, when no shard is pending. A shard has at most one backup, and a job few:
 * backups must not double the load. Visits every live lease, in O(leases).
 */
export function chooseBackup(state: JobState, worker: WorkerEntry, nowMs: number): BackupChoice {
  if (state.extraLeases >= maxExtraLeases(state)) return { lease: null, nextAtMs: null };
  let slowest: LeaseEntry | null = null;
  let slowestByMs = Number.NEGATIVE_INFINITY;
  let nextAtMs: number | null = null;
  for (const lease of state.leases.values()) {
    if (!mayBackUp(state, worker, lease)) continue;
    const slowAtMs = lease.startedMs + slowAfterMs(state, lease);
    if (nowMs < slowAtMs) {
      nextAtMs = nextAtMs === null ? slowAtMs : Math.min(nextAtMs, slowAtMs);
    } else if (nowMs - slowAtMs > slowestByMs) {
      slowest = lease;
      slowestByMs = nowMs - slowAtMs;
    }
  }
  return { lease: slowest, nextAtMs };
}

function mayBackUp({ config }: JobState, worker: WorkerEntry, { entry, workerName }: LeaseEntry): boolean {
  if (entry.state.kind !== "leased" || entry.state.leases.length > 1 || workerName === worker.name)
    return false;
  // A backup is an attempt, too. Without this check, two workers that crash in turn would keep a poisonous
  // shard leased forever. Its attempts would never be used up.
  if (entry.failures.length + entry.state.leases.length >= config.maxAttempts) return false;
  return worker.leases.size === 0 || !isSuspect(entry);
}

/**
 * Returns how long after its start a lease counts as slow: a multiple of what its rows take elsewhere. 0 if
 * its worker needed that long for the rows of its last shard. Without a median, before the first commit, it
 * is `slowFactor` times `minMs`.
 */
function slowAfterMs({ config, speeds }: JobState, { entry, workerName }: LeaseEntry): number {
  const { slowFactor, minMs } = config.backup;
  const median = speeds.medianMsPerRow;
  if (median === null) return slowFactor * minMs;
  const rows = shardRows(entry.shard);
  const limitMs = Math.max(slowFactor * median * rows, minMs);
  const expectedMs = (speeds.lastMsPerRow(workerName) ?? 0) * rows;
  return expectedMs >= limitMs ? 0 : limitMs;
}

/**
 * Returns the limit of backups: a share of the shards, but at least one, because small jobs need them, too. A
 * share of 0 turns backups off.
 */
function maxExtraLeases(state: JobState): number {
  const { maxShare } = state.config.backup;
  return maxShare === 0 ? 0 : Math.max(1, Math.floor(maxShare * plannedShards(state)));
}
