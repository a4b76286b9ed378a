import { type Disk, realDisk } from "./disk.ts";
import { errorCode } from "./errno.ts";

/** What a file system says that has no hard links, or none between these two places. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "EXDEV",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

export function lacksHardLinks(error: unknown): boolean {
  return NO_LINKS.has(errorCode(error) ?? "");
}

/**
 * Gives a whole, synced file its name, which must be free (EEXIST), in one step: also when two do it at once.
 * The source may be gone then.
 *
 * Without hard links the name is first taken by an empty file, which the whole one then replaces: whoever
 * dies in between leaves an empty file. So only for names that nobody reads before they are told of them.
 */
export async function placeOnce(source: string, target: string, disk: Disk = realDisk): Promise<void> {
  try {
    await disk.link(source, target);
    return;
  } catch (error) {
    if (!lacksHardLinks(error)) throw error;
  }
  await (await disk.open(target, "wx")).close();
  try {
    await disk.rename(source, target);
  } catch (error) {
    await disk.unlink(target).catch(() => {});
    throw error;
  }
}

/**
 * As `placeOnce`, for a name that only one process may give: without hard links it looks, and then renames. A
 * reader never finds half a file, nor an empty one; the source may be gone then.
 */
export async function placeAlone(source: string, target: string, disk: Disk = realDisk): Promise<void> {
  try {
    await disk.link(source, target);
    return;
  } catch (error) {
    if (!lacksHardLinks(error)) throw error;
  }
  const there = await disk.lstat(target).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
    return null;
  });
  if (there !== null) {
    throw Object.assign(new Error(`EEXIST: file already exists, rename '${source}' -> '${target}'`), {
      code: "EEXIST",
    });
  }
  await disk.rename(source, target);
}
