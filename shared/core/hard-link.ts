import { type Disk, realDisk } from "./disk.ts";
import { errorCode } from "./errno.ts";

/** Error codes of file systems without hard links, or without links between two places. */
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

/** Gives a file a second name. Where the file system has no links between the two, a copy gets it. */
export async function linkOrCopy(source: string, target: string, disk: Disk = realDisk): Promise<void> {
  try {
    await disk.link(source, target);
  } catch (error) {
    if (!lacksHardLinks(error)) throw error;
    await disk.copyFile(source, target);
  }
}

/**
 * Gives a whole, synced file its name in one step, even when two processes do it at once. Rejects with EEXIST
 * when the name is taken. May remove the source.
 *
 * Without hard links, an empty file first takes the name, and the whole file then replaces it. If the process
 * exits in between, an empty file remains. So use it only for names that readers learn after this call.
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
 * Places a file like `placeOnce`, for a name that only one process may place. Without hard links it checks
 * the name, then renames. Readers never find a partial or empty file. May remove the source.
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
