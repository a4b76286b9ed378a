import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import type { Random } from "../../shared/core/random.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { type OutputPaths, type WorkPaths, withRun } from "./work-paths.ts";

/** As a name in the bucket, and that of an empty folder beside the journal, which it comes and goes with. */
const RUN_NAME = /^run-[0-9a-f]{16}$/;

/**
 * The paths of a job whose lock is held. In a bucket its work files are in a folder of its journal's own:
 * made up here once, and found again as long as the journal is.
 */
export async function ownPaths(
  paths: OutputPaths,
  { disk, random }: { readonly disk: Disk; readonly random: Random },
): Promise<WorkPaths> {
  const known = await knownPaths(paths, disk);
  if (known !== null) return known;
  const run = `run-${random.hex(8)}`;
  await makeFolders(join(paths.disk, run), disk);
  await syncPath(paths.disk, disk);
  return withRun(paths, run);
}

/** ... null when no run of it has left anything on this disk. */
export async function knownPaths(paths: OutputPaths, disk: Disk): Promise<WorkPaths | null> {
  if (isOnThisMachine(paths.output)) return withRun(paths, null);
  const names = await disk.readdir(paths.disk).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const run = names.sort().find(isRunName);
  return run === undefined ? null : withRun(paths, run);
}

export function isRunName(name: string): boolean {
  return RUN_NAME.test(name);
}
