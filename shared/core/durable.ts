import { type Disk, type ReadableDisk, realDisk } from "./disk.ts";

/**
 * Makes the bytes of a file, or the names in a folder, durable. Another process or host may have written
 * them.
 */
export async function syncPath(path: string, disk: Pick<ReadableDisk, "open"> = realDisk): Promise<void> {
  const file = await disk.open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Puts a file under `path` in one step, durable but for its name (sync its folder for that). What was there
 * is replaced, never written into: another name of it keeps the old bytes.
 */
export async function writeDurable(path: string, text: string, disk: Disk = realDisk): Promise<void> {
  const temporary = `${path}.new`;
  const file = await disk.open(temporary, "w");
  try {
    await file.write(Buffer.from(text, "utf8"));
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
}
