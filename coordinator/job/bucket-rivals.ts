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

/** Output of a job whose lock this process holds. */
interface HeldPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
  readonly lock: Pick<HeldLock, "confirm" | "remove">;
  readonly seams: Pick<JobSeams, "disk" | "random">;
}

/**
 * Publishes what an intent in this bucket names. An earlier attempt wrote it, or a coordinator on another
 * machine that may have crashed since. All that it needs is in the bucket.
 *
 * A coordinator that still runs finds its output published. The output of an earlier attempt is not rebuilt:
 * another build may produce other bytes from the same commits.
 *
 * @returns the manifest that is published now, null when there is no intent
 * @throws {OUTPUT_OCCUPIED} when the intent is of another job
 * @throws {OUTPUT_FAILED} when the files that the intent names are missing
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
  // Probe in a new folder: a foreign file in the other run's folder would confuse that run's coordinator.
  const apart = withRun(paths, newRunName(seams.random));
  const checksums = await probeStore(storage, apart.own, seams.random);
  await finishIntent({ storage, checksums, paths: theirs }, intent, () => lock.confirm());
  return intent.manifest;
}

/**
 * Inspects an output whose clearing in a bucket a coordinator did not finish. The marker of the clearing is
 * removed if the output is published, or if another run has begun since. In both cases nothing was removed,
 * or the marker was written late.
 */
export async function inspectClearing(paths: OutputPaths, storage: Storage): Promise<OutputState> {
  const { output, work } = paths;
  const isPublished = (await readManifestIfThere(below(output, MANIFEST_NAME), storage)) !== null;
  if (!isPublished && !(await hasBegunSince(paths, storage))) return { kind: "halfCleared" };
  await removeClearing(work, storage);
  return await inspectOutput(output, storage);
}

/** Checks whether a run other than the cleared one has begun. A run that finds the marker does not begin. */
async function hasBegunSince(paths: OutputPaths, storage: Storage): Promise<boolean> {
  const { work, runFile } = paths;
  const run = runFile === null ? null : await readRunFile(runFile, storage, NEVER);
  if (run === null || run === (await clearedRun(work, storage))) return false;
  const journals = await loadSharedJournals();
  return await journals.hasBegun({ own: withRun(paths, run).own, storage });
}

/**
 * Returns the paths of a job that is resumed or started. Deletes a journal whose partials were removed from
 * the bucket: otherwise each commit would be checked and found missing.
 */
export async function resumePaths({ paths, storage, lock, seams }: HeldPlace): Promise<WorkPaths> {
  const known = paths.runFile === null ? await knownPaths(paths, { ...seams, storage }) : null;
  if (known !== null && known.run !== null && (await storage.kindAt(known.own, NEVER)) === null)
    await removeFromDisk(paths, { disk: seams.disk, lock }, isOfLock);
  return await ownPaths(paths, { ...seams, storage });
}
