import { NEVER } from "../../shared/core/abort.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { newRunName, readRunFile } from "../journal/run-file.ts";
import { loadSharedJournals } from "../journal/shared-journals.ts";
import { removeFromDisk } from "../publish/cleanup.ts";
import { clearedRun, removeClearing } from "../publish/clearing.ts";
import { readIntentIfThere } from "../publish/intent.ts";
import { inspectOutput, type OutputState } from "../publish/output-folder.ts";
import { knownPaths, ownPaths } from "../publish/own-run.ts";
import { probeStore } from "../publish/probe-store.ts";
import { finishIntent } from "../publish/publish.ts";
import { readManifestIfThere } from "../publish/read-manifest.ts";
import { type OutputPaths, type WorkPaths, withRun } from "../publish/work-paths.ts";
import type { JobSeams } from "./job-seams.ts";
import { refuseOtherResult } from "./refuse-other-job.ts";

/** A job's place whose lock is held. */
interface HeldPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
  readonly lock: Pick<HeldLock, "confirm" | "remove">;
  readonly seams: Pick<JobSeams, "disk" | "random">;
}

/**
 * Publishes what was decided to be published to this bucket, by an earlier try or by a coordinator on another
 * machine that may have died on it: what it takes is all in the bucket. One that lives finds it done. An
 * earlier try's is not made anew: another build may make other bytes of the same commits.
 *
 * @returns what is published now; null when nothing is decided
 * @throws {OUTPUT_OCCUPIED} when it is the output of another job
 * @throws {OUTPUT_FAILED} when what it is made of is gone
 */
export async function endIntent(
  planned: PlannedJob,
  { paths, storage, lock, seams }: HeldPlace,
): Promise<OutputManifest | null> {
  if (isOnThisMachine(paths.output)) return null;
  const intent = await readIntentIfThere(paths, storage);
  if (intent === null) return null;
  refuseOtherResult(planned.spec, intent.manifest, planned);
  const theirs = withRun(paths, intent.run);
  // In a folder of nobody's: whoever finds another's file in theirs cannot know what it is.
  const apart = withRun(paths, newRunName(seams.random));
  const checksums = await probeStore(storage, apart.own, seams.random);
  await finishIntent({ storage, checksums, paths: theirs }, intent, () => lock.confirm());
  return intent.manifest;
}

/**
 * Inspects an output that a dead coordinator was clearing in a bucket. A published output stays, and so does
 * a run that has begun since: then nothing was removed, or the marker came late, so the marker goes.
 */
export async function inspectClearing(paths: OutputPaths, storage: Storage): Promise<OutputState> {
  const { output, work } = paths;
  const isPublished = (await readManifestIfThere(below(output, MANIFEST_NAME), storage)) !== null;
  if (!isPublished && !(await hasBegunSince(paths, storage))) return { kind: "halfCleared" };
  await removeClearing(work, storage);
  return await inspectOutput(output, storage);
}

/** Returns whether a run other than the cleared one has gone on. One that finds the marker does not. */
async function hasBegunSince(paths: OutputPaths, storage: Storage): Promise<boolean> {
  const { work, runFile } = paths;
  const run = runFile === null ? null : await readRunFile(runFile, storage, NEVER);
  if (run === null || run === (await clearedRun(work, storage))) return false;
  const journals = await loadSharedJournals();
  return await journals.hasBegun({ own: withRun(paths, run).own, storage });
}

/**
 * The paths of a job that is taken up, or begun. A journal whose partials somebody has removed from the
 * bucket is thrown away: else each of its commits would have to be found missing.
 */
export async function takeUpPaths({ paths, storage, lock, seams }: HeldPlace): Promise<WorkPaths> {
  const known = paths.runFile === null ? await knownPaths(paths, { ...seams, storage }) : null;
  if (known !== null && known.run !== null && (await storage.kindAt(known.own, NEVER)) === null)
    await removeFromDisk(paths, { disk: seams.disk, lock }, isOfLock);
  return await ownPaths(paths, { ...seams, storage });
}
