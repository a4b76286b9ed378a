import { dirname } from "node:path";
import { type Disk, realDisk } from "./disk.ts";
import { errorCode } from "./errno.ts";
import { syncPath } from "./sync-path.ts";

/** A folder that only its owner makes, and that others remove so that the owner can do nothing more. */
const OWN_FOLDER = /\.own-[0-9a-f]+$/;

/**
 * Makes a folder and those above it that are missing, durably: each name is synced into its parent. Also that
 * of a folder that is there already: whoever made it may have died before that. A file is not safe before its
 * folder is.
 *
 * Not `mkdir` with `recursive`: on a file system that answers "not there" for a new name in a folder that is
 * there (`/proc`, automounts), Node 20 tries that for ever, in a thread that nothing can stop.
 *
 * @throws ENOENT where it would be in a folder that only its owner makes
 * @throws what `mkdir` throws: ENOTDIR or EEXIST when a file is in the way, EACCES, EROFS, ...
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
 * The same for one folder, in one that is there.
 *
 * @param make gives a new folder that name
 * @throws ENOENT when the folder around it is not there
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
    // A folder may be there to be passed through, and not to be read.
    if (errorCode(error) !== "EACCES") throw error;
  });
}

/** A link to a folder is as good as one: it can be read as one. */
async function isFolder(path: string, disk: Disk): Promise<boolean> {
  const { kind } = await disk.lstat(path);
  if (kind !== "link") return kind === "folder";
  return await disk.readdir(path).then(
    () => true,
    () => false,
  );
}
