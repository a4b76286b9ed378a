import { type ReadableDisk, realDisk } from "./disk.ts";

/** Makes a file's bytes, or a folder's names, durable. Another process or host may have written them. */
export async function syncPath(path: string, disk: Pick<ReadableDisk, "open"> = realDisk): Promise<void> {
  const file = await disk.open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
