import { dirname, join } from "node:path";
import type { Disk, DiskFile } from "../../shared/core/disk.ts";
import { placeAlone } from "../../shared/core/hard-link.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import type { SegmentFile } from "./journal-writer.ts";

/**
 * Makes a segment that holds `first`, durably, or rejects with EEXIST: it is written whole under another name
 * and appears under its own in one step, so no reader ever sees a half-made segment.
 */
export async function createSegment(path: string, first: Buffer, disk: Disk): Promise<SegmentFile> {
  // The lock makes sure that nobody else makes one; what a killed coordinator left is made anew.
  const making = `${path}.tmp`;
  const file = await disk.open(making, "w");
  try {
    await file.write(first);
    await file.sync();
    await placeAlone(making, path, disk);
    await disk.unlink(making).catch(() => {});
    await syncPath(dirname(path), disk);
  } catch (error) {
    await file.close();
    await disk.unlink(making).catch(() => {});
    throw error;
  }
  return segmentFile(file);
}

export function segmentPath(folder: string, generation: number): string {
  return join(folder, `journal-${String(generation).padStart(6, "0")}.log`);
}

/** The generation of a segment by its name, or null for another file. */
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
