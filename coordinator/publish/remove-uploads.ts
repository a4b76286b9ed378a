import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS } from "../../shared/domain/manifest.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/**
 * Aborts unfinished uploads below folders of the job. Ignores a store that refuses or does not support this.
 * Such uploads only cost space until a lifecycle rule of the bucket removes them.
 */
export async function removeUploads(folders: readonly Location[], storage: Storage): Promise<void> {
  for (const folder of folders) {
    await storage.removeUploads?.(folder, NEVER).catch((error: unknown) => {
      if (!isPlaceError(error)) throw error;
    });
  }
}

/** Returns the folders that readers look into. Large files are copied there in parts. */
export function publishedFolders(output: Location): Location[] {
  return Object.values(OUTPUT_FOLDERS).map((folder) => below(output, folder));
}
