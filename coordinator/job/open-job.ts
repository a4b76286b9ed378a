import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { newInputLines, nothingNewLines } from "../../shared/domain/new-input.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { sealedFiles } from "../journal/sealed-files.ts";
import { hasWorkFiles, removeWorkFiles, removeWorkFolder } from "../publish/cleanup.ts";
import { clearOutput, refuseOthersClearing } from "../publish/clear-output.ts";
import { inspectOutput, outputOccupied } from "../publish/output-folder.ts";
import { knownPaths } from "../publish/own-run.ts";
import { findOutputPaths, type OutputPaths } from "../publish/work-paths.ts";
import { type NextRun, nextRun } from "../runs/next-run.ts";
import { endIntent, takeUpPaths } from "./bucket-rivals.ts";
import type { JobSeams } from "./job-seams.ts";
import type { OpenedJob, OpenJobOptions } from "./opened-job.ts";
import { passPrecision } from "./pass-precision.ts";
import { refuseOtherResult, refuseOtherRuns } from "./refuse-other-job.ts";
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
  if (spec.input.new !== true) return await openOne(spec, options, null);
  const { seams, fresh, signal = NEVER } = options;
  const storage = await seams.openStorage(parseLocation(spec.output.path), spec);
  const next = await nextRun(spec, {
    storage,
    sealedFiles: (journal) => sealedFiles(journal, seams.disk),
    signal,
    fresh,
  });
  if (next.kind === "run") return await openOne(next.spec, options, next);
  const { manifest, output } = next.last;
  return {
    kind: "published",
    spec: { ...spec, output: { ...spec.output, path: output } },
    manifest,
    manifestPath: below(output, MANIFEST_NAME),
    origin: { kind: "nothingNew" },
    notes: nothingNewLines(spec.output.path, next.found),
  };
}

/** Where a job publishes, and where its files are meanwhile. */
interface OutputPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
}

async function openOutput(spec: JobSpec, seams: JobSeams): Promise<OutputPlace> {
  const storage = await seams.openStorage(parseLocation(spec.output.path), spec);
  return { paths: await findOutputPaths(spec, storage), storage };
}

/** @param run the run that it is, of a job over what is new */
async function openOne(
  spec: JobSpec,
  options: OpenJobOptions,
  run: Extract<NextRun, { kind: "run" }> | null,
): Promise<OpenedJob> {
  const signal = options.signal ?? NEVER;
  const { seams } = options;
  const opening = openOutput(spec, seams);
  const found = await opening
    .then(({ paths, storage }) => inspectOutput(paths.output, storage))
    .catch((error: unknown) => ({ kind: "refused", error }) as const);
  // What a run has published is never thrown away: --fresh is about one that has not ended.
  const mayReplace = options.fresh && run === null;
  if (found.kind === "published" && !mayReplace) {
    return await adoptResult(spec, found.manifest, await opening, { ...options, run });
  }
  // Planning looks at the output, too, and tells of that with all else that is wrong.
  const planned = await seams.plan(spec, signal, {
    aside: options.aside,
    progress: options.planProgress,
    found: run?.input,
  });
  if (run !== null) refuseOtherRuns(run, planned);
  if (found.kind === "refused") throw found.error;
  if (found.kind === "occupied") throw outputOccupied(spec.output.path, found.entries);
  const place = await opening;
  await options.beforeWork?.(signal);
  const precision = await passPrecision(planned, options.checkPrecision, signal);
  signal.throwIfAborted();
  const { paths, storage } = place;
  const resources = new ResourceStack();
  try {
    const lock = resources.add(await lockOutput(paths, options));
    const now = await inspectOutput(paths.output, storage);
    const isCleared = now.kind === "halfCleared" || (now.kind === "published" ? mayReplace : options.fresh);
    if (now.kind === "halfCleared" && !options.fresh) await refuseOthersClearing(place, seams);
    if (isCleared)
      await clearOutput(paths, { ...seams, storage, keepsWork: isOfLock, confirm: () => lock.confirm() });
    // Another coordinator published it while this one planned; or decided to, be it after the clearing.
    const manifest =
      now.kind === "published" && !isCleared
        ? now.manifest
        : await endIntent(planned, { paths, storage, lock, seams });
    if (manifest !== null) {
      await resources.release();
      return await adoptResult(spec, manifest, place, { ...options, run });
    }
    const own = await takeUpPaths(paths, storage, seams);
    const started = { ...options, paths: own, storage, precision, lock };
    const opened = await startJob(planned, started, resources);
    return run === null ? opened : { ...opened, notes: [...newInputLines(run.found), ...opened.notes] };
  } catch (error) {
    // What went wrong first is what is reported.
    await resources.release().catch(() => {});
    await removeWorkFolder(paths, seams.disk).catch(() => {});
    throw error;
  }
}

/** @throws {OUTPUT_OCCUPIED} when the published result is not this job's */
async function adoptResult(
  spec: JobSpec,
  manifest: OutputManifest,
  place: OutputPlace,
  options: OpenJobOptions & { readonly run: Extract<NextRun, { kind: "run" }> | null },
): Promise<OpenedJob> {
  const { seams, signal = NEVER, run } = options;
  refuseOtherResult(spec, manifest, await seams.identify(spec, signal, { found: run?.input }));
  await sweepPublished(place, options);
  const manifestPath = below(place.paths.output, MANIFEST_NAME);
  return { kind: "published", spec, manifest, manifestPath, origin: { kind: "published" }, notes: [] };
}

/** A coordinator that died just after publishing left its work files; a living one removes its own. */
async function sweepPublished({ paths, storage }: OutputPlace, options: OpenJobOptions): Promise<void> {
  const { seams } = options;
  try {
    const left = await knownPaths(paths, seams.disk);
    if (left !== null && (await hasWorkFiles(left, storage, seams.disk))) {
      await using _lock = await lockOutput(paths, options);
      await removeWorkFiles(left, storage, seams.disk);
    }
    // Empty where this run only looked, and locked it for that.
    await removeWorkFolder(paths, seams.disk);
  } catch (error) {
    // The result is published, whatever lies beside it.
    if (!isShardmillError(error) && !isPlaceError(error)) throw error;
  }
}

function lockOutput({ disk, output }: OutputPaths, options: OpenJobOptions): Promise<HeldLock> {
  const { seams, clock, signal, log } = options;
  const apart = {
    what: `the folder of the journal of ${output} cannot be written to`,
    hint: "name a folder on a disk that can be written to in `work.path`, or in SHARDMILL_STATE",
  };
  return acquireLock(disk, {
    ...seams,
    clock,
    ...(isOnThisMachine(output) ? {} : { trouble: apart }),
    ...(signal === undefined ? {} : { signal }),
    onWaiting: options.onWaiting ?? ((message) => log.warn({ path: output }, message)),
  });
}
