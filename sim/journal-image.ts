import { join } from "node:path";
import { decodeFrames } from "../coordinator/journal/framing.ts";
import type { JournalRecord } from "../coordinator/journal/record.ts";
import { segmentGeneration } from "../coordinator/journal/segment-file.ts";
import type { DiskImage } from "./disk-image.ts";

/** The records in the journal's segments as a reader would see them now, in order. */
export function journalRecords(image: DiskImage, folder: string): JournalRecord[] {
  const found = image.lookUp(folder);
  if (found?.kind !== "folder") return [];
  return [...found.names.keys()]
    .flatMap((name) => segmentGeneration(name) ?? [])
    .sort((a, b) => a - b)
    .flatMap((generation) => {
      const name = `journal-${String(generation).padStart(6, "0")}.log`;
      return decodeFrames(image.file(join(folder, name), "open").bytes).records;
    });
}
