import type { JobState, WorkerEntry } from "../state/job-state.ts";
import { suspectWaits } from "./pending-queue.ts";

/** Of this share of the workers the lanes may run dry for a moment; of a few workers, of one. */
const MOST_EMPTYING = 1 / 8;

/**
 * Whether a worker gets no more shards until it holds none, since a shard waits that must run alone. A fleet
 * at work has no worker that holds nothing before the job's end: what workers died with would all be left
 * until then, add a round of its own to the job, and a poisonous row in it would only be found after a night.
 */
export function mustEmpty(state: JobState, worker: WorkerEntry, nowMs: number): boolean {
  const { emptying, workers } = state;
  if (worker.leases.size === 0 || !suspectWaits(state, worker, nowMs)) {
    emptying.delete(worker.session);
    return false;
  }
  if (emptying.has(worker.session)) return true;
  // One that is empty and does not ask is not waited for.
  for (const session of emptying) if (workers.get(session)?.leases.size === 0) emptying.delete(session);
  if (emptying.size >= Math.max(1, Math.floor(MOST_EMPTYING * workers.size))) return false;
  emptying.add(worker.session);
  return true;
}
