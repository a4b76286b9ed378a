import { isShardmillError } from "../../shared/core/errors.ts";
import { below } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { ignorePlaceError, isPlaceError } from "../../shared/storage/errors.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { hasWorkFiles, removeFromDisk, removeWorkFiles, removeWorkFolder } from "../publish/cleanup.ts";
import { knownPaths } from "../publish/own-run.ts";
import { readManifestIfThere } from "../publish/read-manifest.ts";
import { hasAllSidecars, placeSidecars } from "../publish/sidecars.ts";
import type { OutputPaths } from "../publish/work-paths.ts";
import { awaitOthers, endOthers, lockOutput } from "./lock-output.ts";
import type { OpenJobOptions } from "./opened-job.ts";

/** Output of a job: its paths, and the storage that holds them. */
export interface OutputPlace {
  readonly paths: OutputPaths;
  readonly storage: Storage;
}

/**
 * Completes a published output whose coordinator crashed right after publishing. Writes a missing report and
 * marker, and removes the work files.
 */
export async function endPublished(
  manifest: OutputManifest,
  { paths, storage }: OutputPlace,
  options: OpenJobOptions,
): Promise<void> {
  const { disk } = options.seams;
  const place = { disk, storage };
  try {
    const left = await knownPaths(paths, place);
    const hasLeft = left !== null && (await hasWorkFiles(left, storage, disk));
    const isWhole = await hasAllSidecars(paths, manifest, storage);
    // True for a coordinator that crashed before it began, or whose job another one ended. Its lock and its
    // files are still on the disk.
    const isOnDisk = (await disk.lstat(paths.disk).catch(() => null)) !== null;
    if (hasLeft || isOnDisk || !isWhole) {
      const lock = await lockOutput(paths, options);
      try {
        const seen = await awaitOthers({ paths, storage }, options);
        // The coordinator that this one waited for may have started the job over.
        if (await isThere(manifest, { paths, storage })) {
          if (!isWhole) await placeSidecars(paths, manifest, storage);
          if (hasLeft) {
            await endOthers({ paths, storage }, seen, options);
            await removeWorkFiles(left, { ...place, lock });
          } else await removeFromDisk(paths, { disk, lock }, isOfLock);
        }
      } finally {
        await lock[Symbol.asyncDispose]().catch(ignorePlaceError);
      }
    }
    // This folder is empty when this run only locked the output to inspect it.
    await removeWorkFolder(paths, disk);
  } catch (error) {
    // The result is published, whatever other files remain.
    if (!isShardmillError(error) && !isPlaceError(error)) throw error;
  }
}

async function isThere({ outputDigest }: OutputManifest, { paths, storage }: OutputPlace): Promise<boolean> {
  const there = await readManifestIfThere(below(paths.output, MANIFEST_NAME), storage);
  return there?.outputDigest === outputDigest;
}
