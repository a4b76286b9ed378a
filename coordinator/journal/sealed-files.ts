import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import type { Snapshot } from "../schedule/state/snapshot.ts";
import { readJournal } from "./journal.ts";
import { bodiesOf } from "./snapshot-file.ts";
import { readSnapshots } from "./snapshots.ts";

/**
 * Returns the paths of the input files of the plan that is sealed in a folder's journal. Null when there is
 * no sealed plan, or no journal. Changes nothing, and needs no lock, because a plan is sealed once.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function sealedFiles(
  folder: string,
  disk: Disk = realDisk,
): Promise<ReadonlySet<string> | null> {
  const names = await disk.readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
  if (names === null) return null;
  const sealed = sealedIn(bodiesOf(await readSnapshots(folder, names, disk)));
  return sealed ?? sealedBy((await readJournal(folder, disk)).records);
}

/** Stops at the first snapshot that has the plan, so that no more are parsed. */
export function sealedIn(snapshots: Iterable<Snapshot>): ReadonlySet<string> | null {
  for (const { plan } of snapshots) if (plan !== null) return pathsOf(plan.files);
  return null;
}

export function sealedBy(records: readonly JournalRecord[]): ReadonlySet<string> | null {
  const sealed = records.find((record) => record.kind === "planSealed");
  return sealed === undefined ? null : pathsOf(sealed.files);
}

function pathsOf(files: Extract<JournalRecord, { kind: "planSealed" }>["files"]): ReadonlySet<string> {
  return new Set(files.flatMap(([path, , lists]) => lists ?? path));
}
