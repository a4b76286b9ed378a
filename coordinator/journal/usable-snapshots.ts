import type { Disk } from "../../shared/core/disk.ts";
import type { HistorySegment } from "./history.ts";
import { matchingStretches } from "./read-segment.ts";
import { segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { type OnSnapshotTrouble, readSnapshots } from "./snapshots.ts";

/**
 * Returns the snapshots that end inside the journal's history.
 *
 * A snapshot may end outside it, when a replaced coordinator wrote it. It may also be of another run of the
 * job, whose writer was stopped while this run began. So the segment in which the last snapshot ends must
 * have the bytes that the snapshot names. Checksums link the earlier snapshots to it.
 *
 * @param found names in the folder, and the segments of the history
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

/** Returns the places of the last snapshots that end in the same segment. */
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
