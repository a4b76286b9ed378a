import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import type { Snapshot } from "../schedule/state/snapshot.ts";
import { readJournal } from "./journal.ts";
import { bodiesOf } from "./snapshot-file.ts";
import { readSnapshots } from "./snapshots.ts";

/**
 * The paths of the input files of a plan that was sealed in the journal in `folder`; null where none was, or
 * there is no journal. Changes nothing, and needs no lock: a plan is sealed once.
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

/** By the first that tells it, so that no more are parsed. */
export function sealedIn(snapshots: Iterable<Snapshot>): ReadonlySet<string> | null {
  for (const { plan } of snapshots) if (plan !== null) return pathsOf(plan.files);
  return null;
}

export function sealedBy(records: readonly JournalRecord[]): ReadonlySet<string> | null {
  const sealed = records.find((record) => record.kind === "planSealed");
  return sealed === undefined ? null : pathsOf(sealed.files);
}

function pathsOf(files: readonly (readonly [path: string, rows: number])[]): ReadonlySet<string> {
  return new Set(files.map(([path]) => path));
}
