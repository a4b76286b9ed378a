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
 * Acquires the lock of an output, and removes what earlier holders could still write with. A stopped holder
 * that continues now can change nothing.
 *
 * @throws {OUTPUT_LOCKED} when another coordinator works on this output
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
    const what = "files that an earlier coordinator left next to its lock cannot be removed";
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

/** State of other coordinators at the moment when none was working. */
interface OthersSeen {
  /** Run whose journal was the job's. Null: none. */
  readonly run: string | null;
  /** Result of `awaitSilence`. */
  readonly shown: string | null;
}

/**
 * Waits until no coordinator on another machine is seen working on an output. Watches the journal in the
 * bucket and a clearing there.
 *
 * @throws {OUTPUT_LOCKED} when a coordinator is working on it
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
 * Ends the run of a silent coordinator before its work files are removed. A coordinator that has released its
 * run, or never had one, is not waited for.
 *
 * @throws {OUTPUT_LOCKED} when the coordinator works again
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

/**
 * Waits until a clearing has ended, or its coordinator is lost.
 *
 * @throws {OUTPUT_LOCKED} when its coordinator still runs
 */
async function awaitClearing({ paths, storage }: SharedPlace, options: OpenJobOptions): Promise<void> {
  const { output, work } = paths;
  if (isOnThisMachine(output)) return;
  const read = () => readClearing(work, storage);
  await awaitStill({ ...waitingOf(options), path: below(work, CLEARING_NAME), read });
}

/**
 * Checks that no other coordinator has resumed or restarted the job since. Two coordinators may have waited
 * out the same silence.
 *
 * @throws {OUTPUT_LOCKED} when one has
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
