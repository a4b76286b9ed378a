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

/** Limit of listings, which run one after another. Enough for usual depths and some empty folders. */
const LISTINGS = 16;

/**
 * Returns a selected file in or below the folders, searching the first folder first. Null: not found within a
 * few listings. Does not follow links, and ignores errors, which a full listing reports.
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
