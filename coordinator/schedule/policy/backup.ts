import { shardRows } from "../../../shared/domain/shard.ts";
import { type JobState, plannedShards, type WorkerEntry } from "../state/job-state.ts";
import { isSuspect, type LeaseEntry } from "../state/shard-state.ts";

interface BackupChoice {
  /** The lease that is slowest for its size, if this worker may back it up now. */
  readonly lease: LeaseEntry | null;
  /** When the next lease will be slow; null when none is in sight. */
  readonly nextAtMs: number | null;
}

/**
 * Looks for a lease that runs too long, when nothing is pending. At most one backup at a time for a shard,
 * and few in all: a backup is an insurance, and must not become a second load. Looks at every live lease, so
 * in O(leases).
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
  // A backup is an attempt too. Without this, two workers that die alternately would keep a poisonous
  // shard leased for ever, and its attempts would never be used up.
  if (entry.failures.length + entry.state.leases.length >= config.maxAttempts) return false;
  return worker.leases.size === 0 || !isSuspect(entry);
}

/**
 * How long after its start a lease counts as slow: a multiple of what its rows take elsewhere, or at once
 * when its worker needed that long for the rows of its last shard. Until a shard has been committed here
 * there is no median, and `slowFactor` times `minMs` has to do.
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
 * A share of the shards, but at least one, or a small job could never be helped; a share of 0 turns backups
 * off.
 */
function maxExtraLeases(state: JobState): number {
  const { maxShare } = state.config.backup;
  return maxShare === 0 ? 0 : Math.max(1, Math.floor(maxShare * plannedShards(state)));
}
