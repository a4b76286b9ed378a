import { loadavg } from "node:os";
import { sleep } from "../shared/core/abort.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import type { RoundPlace } from "./round-place.ts";

/** Interval between reads of the journal. Each read takes all of it, and in a bucket that is many objects. */
const LOOK_MS = 3_000;
/** Time without a commit after which a system is stuck, however often its coordinator was killed. */
const STUCK_MS = 120_000;
/** Time after which the machine is too slow for a job that still makes progress. */
const LIMIT_MS = 600_000;

/** Reason for the end of an aborted round. */
export class GivenUp extends Error {}

interface Watched {
  readonly jobs: readonly KnownJob[];
  readonly place: RoundPlace;
  /** Called after each read that finds more commits than the previous one. */
  readonly onMoved: () => void;
}

/**
 * Watches the commits of all jobs until `over` aborts. It distinguishes a stuck system, which is a fault,
 * from a slow machine.
 *
 * @throws {GivenUp} with the reason
 */
export async function watchProgress({ jobs, place, onMoved }: Watched, over: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  let committed = 0;
  let shards = 0;
  let tasks = 0;
  let movedMs = startedMs;
  while (!over.aborted) {
    await sleep(LOOK_MS, over).catch(() => {});
    // A job has no journal before its start, and after it is published.
    const found = await Promise.all(jobs.map((job) => place.facts(job).catch(() => null)));
    const counts = await Promise.all(jobs.map((job) => place.tasks?.(job).catch(() => 0) ?? 0));
    const nowMs = performance.now();
    const before = `${committed} ${shards} ${tasks}`;
    committed = found.reduce((sum, facts) => sum + (facts?.committed.length ?? 0), 0);
    shards = found.reduce((sum, facts) => sum + (facts?.shards ?? 0), 0);
    tasks = counts.reduce((sum, count) => sum + count, 0);
    if (`${committed} ${shards} ${tasks}` !== before) {
      movedMs = nowMs;
      onMoved();
    }
    const stand = `${committed} of ${shards} shards and ${tasks} tasks are committed`;
    if (nowMs - movedMs > STUCK_MS)
      throw new GivenUp(`no progress: ${stand}, and none in the last ${STUCK_MS / 1000} s`);
    if (nowMs - startedMs > LIMIT_MS) {
      const [load = 0] = loadavg();
      const ago = ((nowMs - movedMs) / 1000).toFixed(1);
      throw new GivenUp(
        `no time: ${stand} after ${LIMIT_MS / 1000} s, the last ${ago} s ago, at a load of ${load.toFixed(1)}: fewer --shards`,
      );
    }
  }
}
