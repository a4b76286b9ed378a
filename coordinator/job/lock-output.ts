import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { acquireLock } from "../journal/lock.ts";
import type { OutputPaths } from "../publish/work-paths.ts";
import type { OpenJobOptions } from "./opened-job.ts";

/** @throws {OUTPUT_LOCKED} when another coordinator is at this output */
export function lockOutput({ disk, output }: OutputPaths, options: OpenJobOptions): Promise<HeldLock> {
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
