import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { readJournal } from "./journal.ts";
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
  const snapshots = await readSnapshots(folder, names, disk);
  for (const snapshot of snapshots) {
    const { plan } = snapshot.body();
    if (plan !== null) return pathsOf(plan.files);
  }
  const { records } = await readJournal(folder, disk);
  const sealed = records.find((record) => record.kind === "planSealed");
  return sealed === undefined ? null : pathsOf(sealed.files);
}

function pathsOf(files: readonly (readonly [path: string, rows: number])[]): ReadonlySet<string> {
  return new Set(files.map(([path]) => path));
}
