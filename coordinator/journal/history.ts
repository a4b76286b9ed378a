import type { Disk } from "../../shared/core/disk.ts";
import type { RecordOf } from "../schedule/state/record.ts";
import { corrupt, readBeginning } from "./read-segment.ts";
import { segmentGeneration, segmentPath } from "./segment-file.ts";

/** A segment of the journal's history, and how much of it counts. */
export interface HistorySegment {
  readonly generation: number;
  /**
   * As much as there was when the next one was begun. Later bytes are of a process that had lost its lock:
   * they were not acknowledged.
   */
  readonly end: number;
}

/** The generations that have a file, in order. Some may only be claimed. */
export function generationsAmong(names: readonly string[]): number[] {
  return names.flatMap((name) => segmentGeneration(name) ?? []).sort((a, b) => a - b);
}

/**
 * The segments that make the history, in order: the last that was begun, the one that it builds upon, and so
 * on. A claim in which nothing was begun is no part of it, and neither is a segment that was begun too late.
 *
 * @param names of what is in the folder
 * @throws {JOURNAL_CORRUPT} when one is missing
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
