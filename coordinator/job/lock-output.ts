import { below } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { awaitStill } from "../journal/await-still.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import { replaced } from "../journal/run-file.ts";
import { loadSharedJournals } from "../journal/shared-journals.ts";
import { readClearing } from "../publish/clearing.ts";
import { asOutputFailed } from "../publish/output-failed.ts";
import { CLEARING_NAME } from "../publish/output-folder.ts";
import { knownPaths } from "../publish/own-run.ts";
import { type OutputPaths, type WorkPaths, withRun } from "../publish/work-paths.ts";
import { type OpenJobOptions, onWaitingOf } from "./opened-job.ts";

/**
 * Takes the lock of an output, and the means of earlier holders: one that wakes up now can change nothing.
 *
 * @throws {OUTPUT_LOCKED} when another coordinator is at this output
 */
export async function lockOutput({ disk, output }: OutputPaths, options: OpenJobOptions): Promise<HeldLock> {
  const apart = {
    what: `the folder of the journal of ${output} cannot be written to`,
    hint: "name a folder on a disk that can be written to in `work.path`, or in SHARDMILL_STATE",
  };
  const lock = await acquireLock(disk, {
    ...waitingOf(options),
    ...(isOnThisMachine(output) ? {} : { trouble: apart }),
  });
  try {
    const what = "what an earlier coordinator left beside its lock cannot be removed";
    await asOutputFailed({ path: disk, what }, () => lock.sweep());
    return lock;
  } catch (error) {
    const reason = (await lock.whyLost()) ?? error;
    await lock[Symbol.asyncDispose]().catch(() => {});
    throw reason;
  }
}

interface SharedPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
}

/** What there was of other coordinators when none was at work. */
interface OthersSeen {
  /** Whose journal was the job's. */
  readonly run: string | null;
  /** As `awaitSilence`. */
  readonly shown: string | null;
}

/**
 * Waits until no coordinator of another machine is at work on an output, as far as that can be seen: on a
 * journal that is in the bucket, or on a clearing there.
 *
 * @throws {OUTPUT_LOCKED} when one is
 */
export async function awaitOthers(place: SharedPlace, options: OpenJobOptions): Promise<OthersSeen> {
  await awaitClearing(place, options);
  const known = await sharedRun(place, options);
  if (known === null) return { run: null, shown: null };
  const { storage } = place;
  const journals = await loadSharedJournals();
  const shown = await journals.awaitSilence({ ...waitingOf(options), own: known.own, storage });
  return { run: known.run, shown };
}

/**
 * Ends the run of a coordinator that was silent, before its work files are removed. One that has let go of
 * its run, or never had one, is not waited for.
 *
 * @throws {OUTPUT_LOCKED} when the coordinator is at work again
 */
export async function endOthers(
  { paths, storage }: SharedPlace,
  { run, shown }: OthersSeen,
  { clock, seams, signal }: Pick<OpenJobOptions, "clock" | "seams" | "signal">,
): Promise<void> {
  if (run === null || shown === null) return;
  const journals = await loadSharedJournals();
  await journals.end({ own: withRun(paths, run).own, storage }, { clock, random: seams.random, signal });
}

/** Waits until a clearing has ended, or its coordinator is dead. @throws {OUTPUT_LOCKED} when it is alive */
async function awaitClearing({ paths, storage }: SharedPlace, options: OpenJobOptions): Promise<void> {
  const { output, work } = paths;
  if (isOnThisMachine(output)) return;
  const read = () => readClearing(work, storage);
  await awaitStill({ ...waitingOf(options), path: below(work, CLEARING_NAME), read });
}

/**
 * That nobody has taken the job up since, or begun it anew: of two that wait out the same silence one may
 * have.
 *
 * @throws {OUTPUT_LOCKED}
 */
export async function refuseNewcomers(
  place: SharedPlace,
  seen: OthersSeen,
  options: Pick<OpenJobOptions, "seams">,
): Promise<void> {
  const { paths, storage } = place;
  const known = await sharedRun(place, options);
  if (known === null || paths.runFile === null) return;
  if (known.run !== seen.run) throw replaced(paths.runFile, seen.run, known.run);
  const journals = await loadSharedJournals();
  await journals.refuseNews({ own: known.own, storage }, seen.shown);
}

async function sharedRun(
  { paths, storage }: SharedPlace,
  { seams }: Pick<OpenJobOptions, "seams">,
): Promise<WorkPaths | null> {
  return paths.runFile === null ? null : await knownPaths(paths, { ...seams, storage });
}

function waitingOf(options: OpenJobOptions) {
  const { seams, clock, signal } = options;
  return { ...seams, clock, onWaiting: onWaitingOf(options), signal };
}
