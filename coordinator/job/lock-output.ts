import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { awaitSilence } from "../journal/bucket/bucket-hold.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import { knownPaths } from "../publish/own-run.ts";
import type { OutputPaths } from "../publish/work-paths.ts";
import { type OpenJobOptions, onWaitingOf } from "./opened-job.ts";

/** @throws {OUTPUT_LOCKED} when another coordinator is at this output */
export function lockOutput({ disk, output }: OutputPaths, options: OpenJobOptions): Promise<HeldLock> {
  const apart = {
    what: `the folder of the journal of ${output} cannot be written to`,
    hint: "name a folder on a disk that can be written to in `work.path`, or in SHARDMILL_STATE",
  };
  return acquireLock(disk, {
    ...waitingOf(options),
    ...(isOnThisMachine(output) ? {} : { trouble: apart }),
  });
}

/**
 * Waits until no coordinator of another machine is at work on an output, as far as that can be seen: on a
 * journal that is in the bucket.
 *
 * @returns as `awaitSilence`
 * @throws {OUTPUT_LOCKED} when one is
 */
export async function awaitOthers(
  { paths, storage }: { readonly paths: OutputPaths; readonly storage: Storage },
  options: OpenJobOptions,
): Promise<string | null> {
  const known = paths.runFile === null ? null : await knownPaths(paths, { ...options.seams, storage });
  return known === null ? null : await awaitSilence({ ...waitingOf(options), own: known.own, storage });
}

function waitingOf(options: OpenJobOptions) {
  const { seams, clock, signal } = options;
  const given = { ...seams, clock, onWaiting: onWaitingOf(options) };
  return signal === undefined ? given : { ...given, signal };
}
