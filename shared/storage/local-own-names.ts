import { link, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../core/errno.ts";
import { lacksHardLinks } from "../core/hard-link.ts";

/** Names of a process's own for files that several share. */
export interface OwnNames {
  /** The folder with them; null: the disk has no hard links, and the shared ones are used. */
  readonly path: string | null;
  /** Removes them, and the shared files when nobody else has names for them. */
  readonly release: () => Promise<void>;
}

/**
 * Names of this process's own, in a fresh folder of `ownPath`, for files of a shared folder. How many names a
 * file has says how many use it, also of processes that were killed, whose folders others remove: so the last
 * one to let go can remove it, and no lock is needed. Who gets names has the files, whatever becomes of the
 * shared folder.
 *
 * @param names of the files, with `/` where they lie deeper
 * @param giveName what makes a hard link; a test has one that cannot
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
