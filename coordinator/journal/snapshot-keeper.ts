import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import {
  type EncodedSnapshot,
  type LastSnapshot,
  type SnapshotName,
  snapshotFileName,
} from "./snapshot-file.ts";
import { writeSnapshot } from "./snapshots.ts";

/** Where a journal's snapshots are kept. */
export interface SnapshotKeeper {
  /**
   * Records between two snapshots. A resume reads at most so many records beside the snapshots.
   */
  readonly everyRecords: number;
  /** The name of the one that is taken now, of what was appended so far. */
  nameAfter(last: LastSnapshot | null): SnapshotName;
  /** It is there whole, or not at all. */
  write(name: SnapshotName, snapshot: EncodedSnapshot): Promise<void>;
}

/** On a disk a tenth of a second to read; a job of a million shards has a hundred snapshots. */
export const SNAPSHOT_RECORDS = 20_000;

interface DiskKeeperOptions {
  /** The journal's. */
  readonly folder: string;
  readonly generation: number;
  readonly disk: Disk;
  /** Rejects when this process may write no longer: see `HeldLock`. Left out: it always may. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/** Beside the segments. */
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
