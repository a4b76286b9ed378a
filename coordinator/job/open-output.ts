import { ResourceStack } from "../../shared/core/resource-stack.ts";
import type { PinnedTable } from "../../shared/domain/dataset.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below, nameOf, parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest, type ReadFile } from "../../shared/domain/manifest.ts";
import { newInputLines } from "../../shared/domain/new-input.ts";
import { ignorePlaceError } from "../../shared/storage/errors.ts";
import { logFetching } from "../../shared/storage/fetch-progress.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import type { LocatedFile } from "../plan/input/discover.ts";
import type { PlanOptions } from "../plan/plan-job.ts";
import { PlanProgress } from "../plan/plan-progress.ts";
import { readStores } from "../plan/read-stores.ts";
import { removeWorkFolder } from "../publish/cleanup.ts";
import { clearOutput } from "../publish/clear-output.ts";
import { inspectOutput, type OutputState, outputOccupied } from "../publish/output-folder.ts";
import { findOutputPaths, type WorkPaths } from "../publish/work-paths.ts";
import type { NewRun } from "../runs/next-run.ts";
import { refuseOtherRuns } from "../runs/one-dataset.ts";
import { sealedInputOf } from "../runs/sealed-input-of.ts";
import { endIntent, inspectClearing, resumePaths } from "./bucket-rivals.ts";
import { endPublished, type OutputPlace } from "./end-published.ts";
import type { JobSeams } from "./job-seams.ts";
import { awaitOthers, endOthers, lockOutput, refuseNewcomers } from "./lock-output.ts";
import { type OpenedJob, type OpenJobOptions, reachOf } from "./opened-job.ts";
import { passConversion } from "./pass-conversion.ts";
import { refuseOtherResult } from "./refuse-other-job.ts";
import { runIsMissing } from "./replay-job.ts";
import { startJob } from "./start-job.ts";

/**
 * Opens a job, whatever an earlier run left in its output folder:
 *
 * - Nothing: the job starts.
 * - An unfinished job with the same digests: its commits stay.
 * - A failed or cancelled run: a new run adopts its commits.
 * - The published result: it is returned.
 *
 * Everything is checked before anything is written or deleted.
 *
 * @param run the run to open, for an incremental job
 * @returns null for a run that another coordinator has begun with other files, or has published, since it was
 * chosen
 * @throws {OUTPUT_OCCUPIED} when the folder holds something else
 * @throws {OUTPUT_LOCKED} when another coordinator runs this job now
 * @throws {JOB_MISMATCH} when spec, input or model differ from those of the unfinished job
 * @throws {JOB_NOT_FOUND} {JOB_ENDED} as `replayJob`
 * @throws {JOURNAL_CORRUPT} and everything that planning throws
 */
export async function openOutput(
  spec: JobSpec,
  options: OpenJobOptions,
  run: NewRun | null,
): Promise<OpenedJob | null> {
  const signal = options.signal;
  const { seams } = options;
  const opening = placeOf(spec, options);
  const found = await opening
    .then(({ paths, storage }) => inspectOutput(paths.output, storage))
    .catch((error: unknown) => ({ kind: "refused", error }) as const);
  // A published run of an incremental job is never deleted. There, --fresh applies to an unfinished run.
  const mayReplace = options.fresh && run === null;
  if (found.kind === "published" && !mayReplace) {
    return run === null ? await adoptResult(spec, found.manifest, await opening, options) : null;
  }
  const { resumes } = options;
  if (resumes !== undefined && hasNoJob(found)) throw runIsMissing(resumes, spec.output.path);
  // Planning inspects the output, too, and reports its problem together with all others.
  const isResumed = found.kind === "unfinished" && !options.fresh;
  const pins = isResumed ? () => opening.then((place) => sealedPins(place, seams)) : undefined;
  const planned = await plan(spec, options, { run, pins });
  if (run !== null) refuseOtherRuns(run, planned);
  if (found.kind === "refused") throw found.error;
  if (found.kind === "occupied") throw outputOccupied(spec.output.path, found.entries);
  const place = await opening;
  await options.beforeWork?.(signal);
  const conversion = await passConversion(planned, options.checkConversion, signal);
  signal.throwIfAborted();
  const resources = new ResourceStack();
  let lock: HeldLock | null = null;
  try {
    lock = resources.add(await lockOutput(place.paths, options));
    const held = await holdOutput(planned, { place, options, mayReplace, lock });
    const isPublished = held.kind === "published";
    if (isPublished || (run !== null && (await hasOtherPlan(run, place, seams)))) {
      // The output is final, whether or not the lock can be removed.
      await resources.release().catch(ignorePlaceError);
      return isPublished && run === null ? await adoptResult(spec, held.manifest, place, options) : null;
    }
    const inputFiles = run === null ? null : run.input.files.map(asRead);
    const started = { ...options, ...held, conversion, inputFiles };
    const opened = await startJob(planned, started, resources);
    return run === null ? opened : { ...opened, notes: [...newInputLines(run.found), ...opened.notes] };
  } catch (error) {
    // Report the root cause: a lost lock explains later errors.
    const reason = (await lock?.whyLost()) ?? error;
    await resources.release().catch(() => {});
    await removeWorkFolder(place.paths, seams.disk).catch(() => {});
    throw reason;
  }
}

function hasNoJob({ kind }: OutputState | { readonly kind: "refused" }): boolean {
  return kind === "fresh" || kind === "empty" || kind === "occupied";
}

/** Plans the job. Logs the download of a model, for users who read only the log. */
async function plan(
  spec: JobSpec,
  options: OpenJobOptions,
  { run, pins }: { readonly run: NewRun | null; readonly pins: PlanOptions["pins"] },
): Promise<PlannedJob> {
  const {
    seams,
    signal,
    withoutSlot,
    ownInput = false,
    planProgress: progress = new PlanProgress(),
    log,
    recorder,
  } = options;
  using _saying = logFetching(progress.fetching, log, { output: spec.output.path });
  progress.part = (part, task) => recorder.within("plan", part, task);
  return await recorder.step("plan", () =>
    seams.plan(spec, {
      ...{ withoutSlot, progress, found: run?.input, pins, ownInput, ...reachOf(options), signal },
    }),
  );
}

async function placeOf(spec: JobSpec, options: OpenJobOptions): Promise<OutputPlace> {
  const { seams } = options;
  const storage = await seams.openStorage(parseLocation(spec.output.path), spec, reachOf(options));
  return { paths: await findOutputPaths(spec, storage), storage };
}

interface ToHold {
  readonly place: OutputPlace;
  readonly options: OpenJobOptions;
  /** A published result may be deleted. */
  readonly mayReplace: boolean;
  readonly lock: HeldLock;
}

type HeldOutput =
  | { readonly kind: "published"; readonly manifest: OutputManifest }
  | {
      readonly kind: "held";
      readonly paths: WorkPaths;
      readonly storage: Storage;
      readonly lock: HeldLock;
      /** Result of `awaitSilence`. */
      readonly silent: string | null;
    };

/** Inspects the output once no other coordinator works on it. */
async function lookAgain(place: OutputPlace, { fresh }: OpenJobOptions): Promise<OutputState> {
  const { paths, storage } = place;
  const found = await inspectOutput(paths.output, storage);
  if (found.kind !== "halfCleared" || fresh || isOnThisMachine(paths.output)) return found;
  return await inspectClearing(paths, storage);
}

/**
 * Claims the output under the lock, and clears it when requested. Returns the manifest if the output has been
 * published since.
 */
async function holdOutput(
  planned: PlannedJob,
  { place, options, mayReplace, lock }: ToHold,
): Promise<HeldOutput> {
  const { paths, storage } = place;
  const { seams, fresh } = options;
  const seen = await awaitOthers(place, options);
  const now = await lookAgain(place, options);
  const isCleared = now.kind === "halfCleared" || (now.kind === "published" ? mayReplace : fresh);
  if (isCleared) {
    const look = () => refuseNewcomers(place, seen, options);
    const end = () => endOthers(place, seen, options);
    await clearOutput(paths, {
      ...seams,
      storage,
      clock: options.clock,
      run: seen.run,
      keepsWork: isOfLock,
      lock,
      ...{ look, end },
    });
  }
  // Another coordinator may have published while this one planned, or written its intent, even after the
  // clearing.
  const manifest =
    now.kind === "published" && !isCleared
      ? now.manifest
      : await endIntent(planned, { paths, storage, lock, seams });
  if (manifest !== null) return { kind: "published", manifest };
  const known = await resumePaths({ paths, storage, lock, seams });
  const own = storage.can.rename ? stagedApart(known, lock) : known;
  // Another coordinator may have published and cleaned up since the last look. Then `own` is a new run.
  const late = paths.runFile === null || isCleared ? null : await inspectOutput(paths.output, storage);
  if (late?.kind === "published") return { kind: "published", manifest: late.manifest };
  return { kind: "held", paths: own, storage, lock, silent: seen.shown };
}

/**
 * Stages the output in the lock's own folder on a disk. A replaced coordinator has lost that folder, so it
 * cannot rename a file out of it.
 */
function stagedApart(paths: WorkPaths, { own }: HeldLock): WorkPaths {
  return { ...paths, stage: below(paths.work, nameOf(parseLocation(own)), "stage") };
}

/** @throws {OUTPUT_OCCUPIED} when the published result is another job's */
async function adoptResult(
  spec: JobSpec,
  manifest: OutputManifest,
  place: OutputPlace,
  options: OpenJobOptions,
): Promise<OpenedJob> {
  const { seams, resumes, signal } = options;
  if (resumes === undefined)
    refuseOtherResult(spec, manifest, await seams.identify(spec, { ...reachOf(options), signal }));
  else if (manifest.job.id !== resumes) throw runIsMissing(resumes, spec.output.path);
  await endPublished(manifest, place, options);
  const manifestPath = below(place.paths.output, MANIFEST_NAME);
  const stores = await readStores(spec, reachOf(options));
  return {
    kind: "published",
    spec,
    stores,
    manifest,
    manifestPath,
    origin: { kind: "published" },
    notes: [],
  };
}

/** Returns the versions of lake tables that the unfinished job reads. */
async function sealedPins(
  { paths, storage }: OutputPlace,
  { disk }: Pick<JobSeams, "disk">,
): Promise<readonly PinnedTable[]> {
  return (await sealedInputOf(paths, { disk, storage }))?.pins ?? [];
}

/** Checks whether a plan over other files was sealed before this coordinator held the lock. */
async function hasOtherPlan(
  { begun, input }: Pick<NewRun, "begun" | "input">,
  { paths, storage }: OutputPlace,
  { disk }: Pick<JobSeams, "disk">,
): Promise<boolean> {
  const sealed = await sealedInputOf(paths, { disk, storage });
  if (sealed === null) return false;
  const known = begun ?? new Set(input.files.map(({ path }) => path));
  return sealed.files.size !== known.size || ![...known].every((path) => sealed.files.has(path));
}

function asRead({ path, realPath, bytes, version }: LocatedFile): ReadFile {
  return { path, ...(realPath === path ? {} : { realPath }), bytes, version };
}
