import type { Disk } from "../../shared/core/disk.ts";
import { matchingStretches, previousBytes } from "./read-segment.ts";
import { segmentGeneration, segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { type OnSnapshotTrouble, readSnapshots } from "./snapshots.ts";

/** The generations that have a segment, in order. */
export function generationsAmong(names: readonly string[]): number[] {
  return names.flatMap((name) => segmentGeneration(name) ?? []).sort((a, b) => a - b);
}

/**
 * The snapshots that end in the journal's history. One may end behind it: it was written by a coordinator
 * that was replaced before. And one may be of another run of the job: its writer was stopped while this one
 * was begun. So the bytes of the segment in which the last ends must be those that it tells of; those before
 * it are tied to it by their checksums.
 *
 * @param names of what is in the folder
 */
export async function usableSnapshots(
  folder: string,
  names: readonly string[],
  disk: Disk,
  onTrouble: OnSnapshotTrouble,
): Promise<FoundSnapshot[]> {
  const snapshots = await readSnapshots(folder, names, disk, onTrouble);
  const generations = generationsAmong(names);
  while (snapshots.length > 0) {
    const places = lastSegmentsPlaces(snapshots);
    const matching = await matchingPlaces(folder, generations, places, disk).catch((cause: unknown) => {
      onTrouble("the segment in which a snapshot ends cannot be read", cause);
      return 0;
    });
    snapshots.length -= places.length - matching;
    if (matching > 0) break;
  }
  return snapshots;
}

/** The places of the last snapshots, as far back as they are in one segment. */
function lastSegmentsPlaces(snapshots: readonly FoundSnapshot[]): JournalPlace[] {
  const generation = snapshots.at(-1)?.head.place.generation;
  const before = snapshots.findLastIndex(({ head }) => head.place.generation !== generation);
  return snapshots.slice(before + 1).map(({ head }) => head.place);
}

async function matchingPlaces(
  folder: string,
  generations: readonly number[],
  places: readonly JournalPlace[],
  disk: Disk,
): Promise<number> {
  const generation = places[0]?.generation ?? 0;
  if (!generations.includes(generation)) return 0;
  const path = segmentPath(folder, generation);
  const end = await countedBytes(folder, generation, generations, disk);
  return matchingStretches(path, { generation, end }, places, disk);
}

/**
 * What of a segment counts: as much as there was when its successor was begun. Whatever came later was
 * written by a process that had lost its lock, was not acknowledged, and is in nobody's history. That the
 * rest is the same is checked by its CRC.
 */
export async function countedBytes(
  folder: string,
  generation: number,
  generations: readonly number[],
  disk: Disk,
): Promise<number> {
  const { size } = await disk.lstat(segmentPath(folder, generation));
  if (!generations.includes(generation + 1)) return size;
  return Math.min(size, await previousBytes(segmentPath(folder, generation + 1), disk));
}
