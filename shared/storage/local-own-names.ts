import { link, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../core/errno.ts";
import { lacksHardLinks } from "../core/hard-link.ts";

/** Names of this process for files that several processes share. */
export interface OwnNames {
  /** Folder with the names. Null: the disk has no hard links, and the shared names are used. */
  readonly path: string | null;
  /** Removes the names, and the shared files when no other process has names for them. */
  readonly release: () => Promise<void>;
}

/**
 * Gives shared files names of this process, in a new folder of `ownPath`. A file's count of names is its
 * count of users, including killed processes, whose folders others remove. So the last user can remove the
 * file without a lock. Names keep the files, even if the shared folder is removed.
 *
 * @param names names of the files, with `/` for subfolders
 * @param giveName makes a hard link. A test passes one that fails.
 * @returns null when the shared folder is gone
 */
export async function ownNames(
  shared: string,
  names: readonly string[],
  ownPath: string,
  giveName: typeof link = link,
): Promise<OwnNames | null> {
  await mkdir(ownPath, { recursive: true });
  const path = await mkdtemp(join(ownPath, `${basename(shared)}-`));
  try {
    for (const name of names) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await giveName(join(shared, name), join(path, name));
    }
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    if (errorCode(error) === "ENOENT") return null;
    if (lacksHardLinks(error)) return { path: null, release: async () => {} };
    throw error;
  }
  return {
    path,
    async release() {
      await rm(path, { recursive: true, force: true });
      if (await isLastName(join(shared, names[0] ?? ""))) await rm(shared, { recursive: true, force: true });
    },
  };
}

async function isLastName(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && found.nlink === 1;
}
