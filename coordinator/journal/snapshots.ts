import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import {
  decodeSnapshot,
  type FoundSnapshot,
  parseSnapshotFileName,
  type SnapshotName,
  snapshotFileName,
} from "./snapshot-file.ts";

/**
 * The snapshots of a journal, in order, as far as each follows the one before it. One that is missing or
 * damaged ends them: what it told is in the journal, which is never shortened.
 *
 * Of two with one number that of the later generation counts: a coordinator that had lost its lock may have
 * written the other.
 *
 * @param names of what is in the folder
 */
export async function readSnapshots(
  folder: string,
  names: readonly string[],
  disk: Disk,
): Promise<FoundSnapshot[]> {
  const byNumber = new Map<number, SnapshotName[]>();
  for (const name of names.flatMap((each) => parseSnapshotFileName(each) ?? []))
    byNumber.set(name.number, [...(byNumber.get(name.number) ?? []), name]);
  const chain: FoundSnapshot[] = [];
  for (;;) {
    const rivals = byNumber.get(chain.length + 1) ?? [];
    const next = await firstThatFollows(rivals, chain.at(-1)?.generation ?? null, folder, disk);
    if (next === null) return chain;
    chain.push(next);
  }
}

async function firstThatFollows(
  rivals: readonly SnapshotName[],
  previous: number | null,
  folder: string,
  disk: Disk,
): Promise<FoundSnapshot | null> {
  for (const name of rivals.toSorted((a, b) => b.generation - a.generation)) {
    const found = decodeSnapshot(await disk.readFile(join(folder, snapshotFileName(name))), name);
    if (found !== null && found.head.previous === previous) return found;
  }
  return null;
}

/** Writes one durably: it is there whole, or not at all. */
export async function writeSnapshot(
  folder: string,
  name: SnapshotName,
  bytes: Buffer,
  disk: Disk,
): Promise<void> {
  const path = join(folder, snapshotFileName(name));
  const making = `${path}.tmp`;
  const file = await disk.open(making, "w");
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(making, path);
  await syncPath(folder, disk);
}
