import { loadavg } from "node:os";
import { sleep } from "../shared/core/abort.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import type { RoundPlace } from "./round-place.ts";

/** How often the journal is looked at: all of it is read, and in a bucket it is many objects. */
const LOOK_MS = 3_000;
/** A system that commits nothing for so long, however often its coordinator was killed, never will. */
const STUCK_MS = 120_000;
/** A job that goes on, and has not ended by then, is on a machine that has no time for it. */
const LIMIT_MS = 600_000;

/** Why a round was given up. */
export class GivenUp extends Error {}

interface Watched {
  readonly jobs: readonly KnownJob[];
  readonly place: RoundPlace;
  /** Called with each look that finds more than the one before. */
  readonly onMoved: () => void;
}

/**
 * Watches the commits of all jobs until `over` aborts. Two things look alike from outside, and only the first
 * is a fault: that nothing gets done, and that there is too little time to do it in.
 *
 * @throws {GivenUp} that says which
 */
export async function watchProgress({ jobs, place, onMoved }: Watched, over: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  let committed = 0;
  let shards = 0;
  let movedMs = startedMs;
  while (!over.aborted) {
    await sleep(LOOK_MS, over).catch(() => {});
    // There is none before a job is taken up, and after it is published.
    const found = await Promise.all(jobs.map((job) => place.facts(job).catch(() => null)));
    const nowMs = performance.now();
    const before = `${committed} ${shards}`;
    committed = found.reduce((sum, facts) => sum + (facts?.committed.length ?? 0), 0);
    shards = found.reduce((sum, facts) => sum + (facts?.shards ?? 0), 0);
    if (`${committed} ${shards}` !== before) {
      movedMs = nowMs;
      onMoved();
    }
    const stand = `${committed} of ${shards} shards are committed`;
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
