import type { PlannedJob } from "../../shared/domain/job.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { removeFromDisk } from "../publish/cleanup.ts";
import { readIntentIfThere } from "../publish/intent.ts";
import { knownPaths, ownPaths } from "../publish/own-run.ts";
import { probeStore } from "../publish/probe-store.ts";
import { finishIntent } from "../publish/publish.ts";
import { type OutputPaths, type WorkPaths, withRun } from "../publish/work-paths.ts";
import type { JobSeams } from "./job-seams.ts";
import { refuseOtherResult } from "./refuse-other-job.ts";

/** A job's place whose lock is held. */
interface HeldPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
  readonly lock: Pick<HeldLock, "confirm">;
  readonly seams: Pick<JobSeams, "disk" | "random">;
}

/**
 * Publishes what a coordinator on another machine has decided to publish to this bucket, and may have died
 * on: what it takes is all in the bucket. One that lives finds it done.
 *
 * @returns what is published now; null when nobody else has decided anything
 * @throws {OUTPUT_OCCUPIED} when it is the output of another job
 */
export async function endRivals(
  planned: PlannedJob,
  { paths, storage, lock, seams }: HeldPlace,
): Promise<OutputManifest | null> {
  if (isOnThisMachine(paths.output)) return null;
  const intent = await readIntentIfThere(paths, storage);
  const own = await knownPaths(paths, seams.disk);
  if (intent === null || intent.run === own?.run) return null;
  refuseOtherResult(planned.spec, intent.manifest, planned);
  const theirs = withRun(paths, intent.run);
  // In a folder of nobody's: whoever finds another's file in theirs cannot know what it is.
  const apart = withRun(paths, `run-${seams.random.hex(8)}`);
  const checksums = await probeStore(storage, apart.own, seams.random);
  await finishIntent({ storage, checksums, paths: theirs }, intent, () => lock.confirm());
  return intent.manifest;
}

/**
 * The paths of a job that is taken up, or begun. A journal whose partials somebody has removed from the
 * bucket is thrown away: else each of its commits would have to be found missing.
 */
export async function takeUpPaths(
  paths: OutputPaths,
  storage: Storage,
  seams: Pick<JobSeams, "disk" | "random">,
): Promise<WorkPaths> {
  const known = await knownPaths(paths, seams.disk);
  if (known !== null && known.run !== null && (await storage.kindAt(known.own)) === null)
    await removeFromDisk(paths, seams.disk, isOfLock);
  return await ownPaths(paths, seams);
}
