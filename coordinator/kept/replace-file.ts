import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";

/** Behind the name of a file that is being made. One that is found was never finished. */
export const WRITING = ".tmp";

/**
 * Writes a file, or replaces it as a whole, durably: a process that is killed at any moment leaves the one
 * before or the new one.
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
