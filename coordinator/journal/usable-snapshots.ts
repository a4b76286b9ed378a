import type { Disk } from "../../shared/core/disk.ts";
import type { HistorySegment } from "./history.ts";
import { matchingStretches } from "./read-segment.ts";
import { segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { type OnSnapshotTrouble, readSnapshots } from "./snapshots.ts";

/**
 * The snapshots that end in the journal's history. One may end behind it: it was written by a coordinator
 * that was replaced before. And one may be of another run of the job: its writer was stopped while this one
 * was begun. So the bytes of the segment in which the last ends must be those that it tells of; those before
 * it are tied to it by their checksums.
 *
 * @param found what is in the folder, and what of it is the history
 */
export async function usableSnapshots(
  folder: string,
  { names, history }: { readonly names: readonly string[]; readonly history: readonly HistorySegment[] },
  disk: Disk,
  onTrouble: OnSnapshotTrouble,
): Promise<FoundSnapshot[]> {
  const snapshots = await readSnapshots(folder, names, disk, onTrouble);
  while (snapshots.length > 0) {
    const places = lastSegmentsPlaces(snapshots);
    const matching = await matchingPlaces(folder, history, places, disk).catch((cause: unknown) => {
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
  history: readonly HistorySegment[],
  places: readonly JournalPlace[],
  disk: Disk,
): Promise<number> {
  const segment = history.find(({ generation }) => generation === places[0]?.generation);
  if (segment === undefined) return 0;
  return matchingStretches(segmentPath(folder, segment.generation), segment, places, disk);
}
