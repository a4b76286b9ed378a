import { dirname, join } from "node:path";
import type { Disk, DiskFile } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import { encodeHeader } from "./framing.ts";
import type { SegmentFile } from "./journal-writer.ts";

/**
 * Claims the number of a generation, durably: makes its segment, with a header and no record.
 *
 * The name is the fence. From here on whoever writes an earlier segment acknowledges nothing more.
 *
 * @throws EEXIST when the number is taken
 */
export async function claimSegment(path: string, generation: number, disk: Disk): Promise<SegmentFile> {
  // Exclusive on every file system, also without hard links.
  const file = await disk.open(path, "wx");
  try {
    await file.write(encodeHeader(generation));
    // Before anything is behind it: a header that a crash has torn is the end of its file.
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
