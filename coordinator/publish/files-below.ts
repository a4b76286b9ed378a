import { NEVER } from "../../shared/core/abort.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { namesIn } from "./output-folder.ts";

/** Folders that are listed at once. */
const LISTS_AT_ONCE = 16;

/**
 * What lies below a folder of an output, sorted: by its path from there, with `/`. Only folders `name=value`
 * are looked into, as an output has them; null when there is no such folder.
 */
export async function filesBelow(folder: Location, storage: Storage): Promise<readonly string[] | null> {
  const names = await namesIn(folder, storage);
  if (names === null) return null;
  const found = await mapConcurrent(names, LISTS_AT_ONCE, async (name) => {
    const isFolder = name.includes("=") && (await storage.kindAt(below(folder, name), NEVER)) === "folder";
    if (!isFolder) return [name];
    const inner = (await filesBelow(below(folder, name), storage)) ?? [];
    // An empty one is something, too.
    return inner.length === 0 ? [name] : inner.map((path) => `${name}/${path}`);
  });
  return found.flat().sort();
}
