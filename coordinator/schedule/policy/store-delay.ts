import type { JobState } from "../state/job-state.ts";
import type { ShardEntry } from "../state/shard-state.ts";

/**
 * Returns the pause before a shard asks its store again: the time that it has waited, within the back-off.
 */
export function storeDelayMs({ config, storeWaits }: JobState, entry: ShardEntry): number {
  const waitedMs = storeWaits.get(entry);
  if (waitedMs === undefined) return 0;
  return Math.min(config.retryBackoffMaxMs, Math.max(config.retryBackoffMs, waitedMs));
}
