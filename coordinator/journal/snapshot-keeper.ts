import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import {
  type EncodedSnapshot,
  type LastSnapshot,
  type SnapshotName,
  snapshotFileName,
} from "./snapshot-file.ts";
import { writeSnapshot } from "./snapshots.ts";

/** Storage of a journal's snapshots. */
export interface SnapshotKeeper {
  /** Records between two snapshots, which bounds the records that a resume reads after the snapshots. */
  readonly everyRecords: number;
  /** Returns the name of the next snapshot. */
  nameAfter(last: LastSnapshot | null): SnapshotName;
  /** Writes a snapshot atomically: it is there whole, or not at all. */
  write(name: SnapshotName, snapshot: EncodedSnapshot): Promise<void>;
}

/**
 * A disk takes a tenth of a second to read that many records. A job of a million shards has a hundred
 * snapshots.
 */
export const SNAPSHOT_RECORDS = 20_000;

interface DiskKeeperOptions {
  /** Folder of the journal. */
  readonly folder: string;
  readonly generation: number;
  readonly disk: Disk;
  /** Rejects when this process may no longer write, see `HeldLock`. Default: it always may. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/** Keeps snapshots in the folder of the segments. */
export function diskKeeper({
  folder,
  generation,
  disk,
  confirm = async () => {},
}: DiskKeeperOptions): SnapshotKeeper {
  return {
    everyRecords: SNAPSHOT_RECORDS,
    nameAfter: (last) => ({ number: (last?.number ?? 0) + 1, generation }),
    write: (name, snapshot) => writeSnapshot(join(folder, snapshotFileName(name)), snapshot, disk, confirm),
  };
}
