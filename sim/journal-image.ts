import { decodeFrames } from "../coordinator/journal/framing.ts";
import { inHistory } from "../coordinator/journal/journal.ts";
import { segmentGeneration, segmentPath } from "../coordinator/journal/segment-file.ts";
import type { JournalRecord } from "../coordinator/schedule/state/record.ts";
import type { DiskImage } from "./disk-image.ts";

/** The records in the journal's segments as a reader would see them now, in order. */
export function journalRecords(image: DiskImage, folder: string): JournalRecord[] {
  const found = image.lookUp(folder);
  if (found?.kind !== "folder") return [];
  const segments = [...found.names.keys()]
    .flatMap((name) => segmentGeneration(name) ?? [])
    .sort((a, b) => a - b)
    .map((generation) => image.file(segmentPath(folder, generation), "open").bytes);
  return segments.flatMap((bytes, index) => {
    return decodeFrames(inHistory(bytes, segments[index + 1] ?? null)).records;
  });
}
