import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/**
 * Gives up uploads that nobody will end below folders of the job's own. One that is not allowed to, or whose
 * store does not know how, goes on without: what is left costs space, until a rule of the bucket removes it.
 */
export async function removeUploads(folders: readonly Location[], storage: Storage): Promise<void> {
  for (const folder of folders) {
    await storage.removeUploads?.(folder, NEVER).catch((error: unknown) => {
      if (!isPlaceError(error)) throw error;
    });
  }
}

/** The folders that readers look into: large files are copied there in parts. */
export function publishedFolders(output: Location): Location[] {
  return Object.values(OUTPUT_FOLDERS).map((folder) => below(output, folder));
}
