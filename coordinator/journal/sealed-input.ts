import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import type { PinnedTable } from "../../shared/domain/dataset.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import type { Snapshot } from "../schedule/state/snapshot.ts";
import { readJournal } from "./journal.ts";
import { bodiesOf } from "./snapshot-file.ts";
import { readSnapshots } from "./snapshots.ts";

/** Input of a sealed plan. */
export interface SealedInput {
  /** Paths of the files, and in place of a list those of its files. */
  readonly files: ReadonlySet<string>;
  readonly pins: readonly PinnedTable[];
}

/**
 * Returns the input of the plan that is sealed in a folder's journal. Null when there is
 * no sealed plan, or no journal. Changes nothing, and needs no lock, because a plan is sealed once.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function sealedInput(folder: string, disk: Disk = realDisk): Promise<SealedInput | null> {
  const names = await disk.readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (names === null) return null;
  const sealed = sealedIn(bodiesOf(await readSnapshots(folder, names, disk)));
  return sealed ?? sealedBy((await readJournal(folder, disk)).records);
}

/** Stops at the first snapshot that has the plan, so that no more are parsed. */
export function sealedIn(snapshots: Iterable<Snapshot>): SealedInput | null {
  for (const { plan } of snapshots) if (plan !== null) return inputOf(plan);
  return null;
}

export function sealedBy(records: readonly JournalRecord[]): SealedInput | null {
  const sealed = records.find((record) => record.kind === "planSealed");
  return sealed === undefined ? null : inputOf(sealed);
}

function inputOf({ files, pins = [] }: RecordOf<"planSealed">): SealedInput {
  return { files: new Set(files.flatMap(([path, , lists]) => lists ?? path)), pins };
}
