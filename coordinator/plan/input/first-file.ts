import type { Entry } from "../../../shared/storage/storage.ts";
import {
  entryIn,
  type Folder,
  type FoundPath,
  isOutput,
  type ListingOptions,
  listFolder,
} from "./folder-listing.ts";
import type { Selection } from "./selection.ts";

/** They come one after the other, so not many: as deep as folders are, and some that are empty. */
const LISTINGS = 16;

/**
 * A file that is selected, in or below one of these folders, the first of them first. Null where few listings
 * show none. Links are not followed, and nothing is told of what stands in the way: who lists all does that.
 */
export async function firstFile(
  folders: readonly Folder[],
  { selection, storage, ownOutput, signal }: ListingOptions & { readonly selection: Selection },
): Promise<FoundPath | null> {
  const options = { storage, ownOutput, signal };
  const open = folders.toReversed();
  for (let listings = 0; listings < LISTINGS; listings += 1) {
    const folder = open.pop();
    if (folder === undefined) return null;
    const entries = await listFolder(folder, options).catch((): Entry[] => {
      signal.throwIfAborted();
      return [];
    });
    if (await isOutput(folder, entries, options)) continue;
    const met = entries
      .filter(({ unnameable }) => unnameable === null)
      .map(({ name, kind, stat }) => ({ kind, stat, ...entryIn(folder, name) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    const file = met.find(({ kind, relative }) => kind === "file" && selection.file(relative) === "take");
    if (file !== undefined) return { path: file.path, realPath: file.realPath, stat: file.stat };
    for (const { kind, path, realPath, relative } of met.toReversed())
      if (kind === "folder" && selection.folder(relative) === "take")
        open.push({ path, realPath, relative, parent: folder });
  }
  return null;
}
