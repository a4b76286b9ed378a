import { NEVER } from "../../shared/core/abort.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { mayBeFolder } from "./layout.ts";
import { namesIn } from "./output-folder.ts";

/** Folders listed at once: enough to hide a store's round trips. */
const LISTS_AT_ONCE = 16;

/**
 * Lists everything below a folder of an output as sorted paths from that folder, with `/`. Lists
 * only folders that an output may have (see {@link mayBeFolder}). Null: there is no such folder.
 */
export async function filesBelow(folder: Location, storage: Storage): Promise<readonly string[] | null> {
  const names = await namesIn(folder, storage);
  if (names === null) return null;
  const found = await mapConcurrent(names, LISTS_AT_ONCE, async (name) => {
    const isFolder = mayBeFolder(name) && (await storage.kindAt(below(folder, name), NEVER)) === "folder";
    if (!isFolder) return [name];
    const inner = (await filesBelow(below(folder, name), storage)) ?? [];
    // An empty folder counts as an entry, too.
    return inner.length === 0 ? [name] : inner.map((path) => `${name}/${path}`);
  });
  return found.flat().sort();
}
