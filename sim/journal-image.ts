import { decodeFrames } from "../coordinator/journal/framing.ts";
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

/**
 * Whether a text stands where no power cut and no successor can take it. What a segment holds beyond the
 * bytes that its successor took up was written by a coordinator that had been replaced.
 */
export function isInHistory(image: DiskImage, folder: string, text: string): boolean {
  const generations = image
    .safeNames(folder)
    .flatMap((name) => segmentGeneration(name) ?? [])
    .sort((a, b) => a - b);
  const segments = generations.map((generation) => image.safeBytes(segmentPath(folder, generation)));
  return segments.some(
    (bytes, at) => bytes !== null && inHistory(bytes, segments[at + 1] ?? null).includes(text),
  );
}

/** What of a segment counts: as much as its successor says. */
function inHistory(segment: Buffer, successor: Buffer | null): Buffer {
  const [first] = successor === null ? [] : decodeFrames(successor).records;
  return first?.kind === "generationStarted" ? segment.subarray(0, first.previousBytes) : segment;
}
