import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";

/** Suffix of a file while it is written. A file with this suffix at startup is incomplete. */
export const WRITING = ".tmp";

/**
 * Writes a file, or replaces a whole one, durably. A process that is killed leaves either the previous file
 * or the new one.
 */
export async function replaceFile(
  folder: string,
  name: string,
  bytes: Uint8Array,
  disk: Disk = realDisk,
): Promise<void> {
  const making = join(folder, `${name}${WRITING}`);
  await disk.remove(making);
  const file = await disk.open(making, "wx");
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(making, join(folder, name));
  await syncPath(folder, disk);
}
