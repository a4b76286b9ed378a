import { realSeams } from "../../coordinator/job/job-seams.ts";
import { clearOutput } from "../../coordinator/publish/clear-output.ts";
import type { OutputPaths } from "../../coordinator/publish/work-paths.ts";
import { systemClock } from "../../shared/core/clock.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { PLAIN_LOCK } from "./plain-lock.ts";

/** Clears an output without holding its lock. */
export function clearUnlocked(
  paths: OutputPaths,
  storage: Storage,
  keepsWork: (name: string) => boolean = () => false,
): Promise<void> {
  const given = { ...realSeams, storage, clock: systemClock, run: null, keepsWork };
  return clearOutput(paths, { ...given, lock: PLAIN_LOCK });
}
