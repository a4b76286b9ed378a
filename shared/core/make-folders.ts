import { dirname } from "node:path";
import { type Disk, realDisk } from "./disk.ts";
import { errorCode } from "./errno.ts";
import { syncPath } from "./sync-path.ts";

/** Name of a folder that only its owner makes. Others remove it to stop the owner. */
const OWN_FOLDER = /\.own-[0-9a-f]+$/;

/**
 * Makes a folder and its missing parents, durably: syncs each name into its parent, even of an existing
 * folder. The maker of a folder may have exited before the sync. A file is not safe before its folder is.
 *
 * `mkdir` with `recursive` is unsafe. Some file systems reply "not found" for a new name in an existing
 * folder (`/proc`, automounts). Node 20 then retries without end, in a thread that cannot be stopped.
 *
 * @throws ENOENT when the parent is a missing folder that only its owner makes
 * @throws other errors of `mkdir`: ENOTDIR or EEXIST when a file is in the way, EACCES, EROFS, ...
 */
export async function makeFolders(path: string, disk: Disk = realDisk): Promise<void> {
  try {
    await makeFolder(path, disk);
  } catch (error) {
    const parent = dirname(path);
    if (errorCode(error) !== "ENOENT" || parent === path || OWN_FOLDER.test(parent)) throw error;
    await makeFolders(parent, disk);
    await makeFolder(path, disk);
  }
}

/**
 * Makes one folder in an existing one, durably.
 *
 * @param make makes the folder
 * @throws ENOENT when the parent is missing
 */
export async function makeFolder(
  path: string,
  disk: Disk = realDisk,
  make: () => Promise<void> = () => disk.mkdir(path),
): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || !(await isFolder(path, disk))) throw error;
  }
  await syncPath(dirname(path), disk).catch((error: unknown) => {
    // A folder may allow traversal but not reading.
    if (errorCode(error) !== "EACCES") throw error;
  });
}

/** Checks for a folder, or a link that can be read as one. */
async function isFolder(path: string, disk: Disk): Promise<boolean> {
  const { kind } = await disk.lstat(path);
  if (kind !== "link") return kind === "folder";
  return await disk.readdir(path).then(
    () => true,
    () => false,
  );
}
