import type { Disk } from "../../shared/core/disk.ts";
import type { RecordOf } from "../schedule/state/record.ts";
import { corrupt, readBeginning } from "./read-segment.ts";
import { segmentGeneration, segmentPath } from "./segment-file.ts";

/** A segment in the journal's history, with its valid length. */
export interface HistorySegment {
  readonly generation: number;
  /**
   * Length of the segment when its successor began. Later bytes are of a process that had lost its lock, and
   * were not acknowledged.
   */
  readonly end: number;
}

/** Returns the generations that have a segment file, in order. Some files may hold no records. */
export function generationsAmong(names: readonly string[]): number[] {
  return names.flatMap((name) => segmentGeneration(name) ?? []).sort((a, b) => a - b);
}

/**
 * Returns the segments of the history, in order. It follows the links from the last begun segment back to the
 * first. A claimed but empty segment is not in the history. Neither is one that began too late.
 *
 * @param names names in the folder
 * @throws {JOURNAL_CORRUPT} when a segment is missing
 */
export async function readHistory(
  folder: string,
  names: readonly string[],
  disk: Disk,
): Promise<HistorySegment[]> {
  const generations = generationsAmong(names);
  let started = await lastStarted(folder, generations, disk);
  const history: HistorySegment[] = [];
  for (let end = Number.POSITIVE_INFINITY; started !== null; ) {
    const { generation, previousBytes, previousGeneration = generation - 1 } = started;
    const { size } = await disk.lstat(segmentPath(folder, generation));
    history.unshift({ generation, end: Math.min(size, end) });
    if (previousGeneration <= 0) break;
    const path = segmentPath(folder, previousGeneration);
    const isThere = previousGeneration < generation && generations.includes(previousGeneration);
    if (!isThere) throw corrupt(path, `the segment of generation ${previousGeneration} is missing`, 0);
    started = await readBeginning(path, previousGeneration, disk);
    if (started === null)
      throw corrupt(path, `it does not begin with the start of generation ${previousGeneration}`, 0);
    end = previousBytes;
  }
  return history;
}

async function lastStarted(
  folder: string,
  generations: readonly number[],
  disk: Disk,
): Promise<RecordOf<"generationStarted"> | null> {
  for (const generation of generations.toReversed()) {
    const started = await readBeginning(segmentPath(folder, generation), generation, disk);
    if (started !== null) return started;
  }
  return null;
}
