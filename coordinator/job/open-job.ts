import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { hasWorkFiles, removeWorkFiles, removeWorkFolder } from "../publish/cleanup.ts";
import { clearOutput } from "../publish/clear-output.ts";
import { inspectOutput, outputOccupied } from "../publish/output-folder.ts";
import { knownPaths } from "../publish/own-run.ts";
import { type OutputPaths, outputPathsOf } from "../publish/work-paths.ts";
import { endRivals, takeUpPaths } from "./bucket-rivals.ts";
import type { OpenedJob, OpenJobOptions } from "./opened-job.ts";
import { passPrecision } from "./pass-precision.ts";
import { refuseOtherResult } from "./refuse-other-job.ts";
import { startJob } from "./start-job.ts";

/**
 * Opens a job, whatever an earlier run left in its output folder: nothing, an unfinished job of the same
 * digests (its commits stay), one that failed or was cancelled (a new run adopts its commits), or the
 * published result. Everything is checked before anything is written or thrown away.
 *
 * @throws {OUTPUT_OCCUPIED} when the folder holds something else
 * @throws {OUTPUT_LOCKED} when another coordinator runs this job now
 * @throws {JOB_MISMATCH} when spec, input or model differ from those of the unfinished job
 * @throws {JOURNAL_CORRUPT} and everything that planning throws
 */
export async function openJob(spec: JobSpec, options: OpenJobOptions): Promise<OpenedJob> {
  const paths = outputPathsOf(spec);
  const signal = options.signal ?? NEVER;
  const { seams } = options;
  const found = await seams
    .openStorage(paths.output, spec)
    .then((storage) => inspectOutput(paths.output, storage))
    .catch((error: unknown) => ({ kind: "refused", error }) as const);
  if (found.kind === "published" && !options.fresh) {
    return await adoptResult(spec, found.manifest, paths, options);
  }
  // Planning looks at the output, too, and tells of that with all else that is wrong.
  const planned = await seams.plan(spec, signal, { aside: options.aside, progress: options.planProgress });
  if (found.kind === "refused") throw found.error;
  if (found.kind === "occupied") throw outputOccupied(spec.output.path, found.entries);
  await options.beforeWork?.(signal);
  const precision = await passPrecision(planned, options.checkPrecision, signal);
  signal.throwIfAborted();
  const resources = new ResourceStack();
  try {
    const lock = resources.add(await lockOutput(paths, options));
    const storage = await seams.openStorage(paths.output, spec);
    const now = await inspectOutput(paths.output, storage);
    const isCleared = options.fresh || now.kind === "halfCleared";
    if (isCleared) await clearOutput(paths, { disk: seams.disk, storage, keepsWork: isOfLock });
    // Another coordinator published it while this one planned, or had decided to.
    const manifest =
      now.kind === "published" ? now.manifest : await endRivals(planned, { paths, storage, lock, seams });
    if (!isCleared && manifest !== null) {
      await resources.release();
      return await adoptResult(spec, manifest, paths, options);
    }
    const own = await takeUpPaths(paths, storage, seams);
    return await startJob(planned, { ...options, paths: own, storage, precision, lock }, resources);
  } catch (error) {
    // What went wrong first is what is reported.
    await resources.release().catch(() => {});
    throw error;
  }
}

/** @throws {OUTPUT_OCCUPIED} when the published result is not this job's */
async function adoptResult(
  spec: JobSpec,
  manifest: OutputManifest,
  paths: OutputPaths,
  options: OpenJobOptions,
): Promise<OpenedJob> {
  refuseOtherResult(spec, manifest, await options.seams.identify(spec, options.signal ?? NEVER));
  await sweepPublished(spec, paths, options);
  return { kind: "published", spec, manifest, manifestPath: below(paths.output, MANIFEST_NAME) };
}

/** A coordinator that died just after publishing left its work files; a living one removes its own. */
async function sweepPublished(spec: JobSpec, paths: OutputPaths, options: OpenJobOptions): Promise<void> {
  const { seams } = options;
  try {
    const storage = await seams.openStorage(paths.output, spec);
    const left = await knownPaths(paths, seams.disk);
    if (left === null || !(await hasWorkFiles(left, storage, seams.disk))) return;
    {
      await using _lock = await lockOutput(paths, options);
      await removeWorkFiles(left, storage, seams.disk);
    }
    await removeWorkFolder(paths, seams.disk);
  } catch (error) {
    // The result is published, whatever lies beside it.
    if (!isShardmillError(error) && !isPlaceError(error)) throw error;
  }
}

function lockOutput({ disk, output }: OutputPaths, options: OpenJobOptions): Promise<HeldLock> {
  const { seams, clock, signal, log } = options;
  return acquireLock(disk, {
    ...seams,
    clock,
    ...(signal === undefined ? {} : { signal }),
    onWaiting: options.onWaiting ?? ((message) => log.warn({ path: output }, message)),
  });
}
