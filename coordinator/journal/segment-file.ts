import { dirname, join } from "node:path";
import type { Disk, DiskFile } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { encodeHeader } from "./framing.ts";
import type { SegmentFile } from "./journal-writer.ts";

/**
 * Claims a generation's number durably, by creating its segment with a header and no record.
 *
 * The name is the fence: from now on, the writer of an earlier segment acknowledges nothing more.
 *
 * @throws EEXIST when the number is taken
 */
export async function claimSegment(path: string, generation: number, disk: Disk): Promise<SegmentFile> {
  // Exclusive on every file system, also without hard links.
  const file = await disk.open(path, "wx");
  try {
    await file.write(encodeHeader(generation));
    // Synced before any record follows: a header that a crash cuts off ends its file.
    await file.sync();
    await syncPath(dirname(path), disk);
  } catch (error) {
    await file.close();
    throw error;
  }
  return segmentFile(file);
}

export function segmentPath(folder: string, generation: number): string {
  return join(folder, `journal-${String(generation).padStart(6, "0")}.log`);
}

/** Returns the generation in a segment's name. Null: the file is no segment. */
export function segmentGeneration(name: string): number | null {
  const match = /^journal-(\d{6,})\.log$/.exec(name);
  return match === null ? null : Number(match[1]);
}

function segmentFile(file: DiskFile): SegmentFile {
  return {
    append: (bytes) => file.write(bytes),
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}
