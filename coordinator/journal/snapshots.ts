import { dirname, join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import {
  decodeSnapshot,
  type EncodedSnapshot,
  type FoundSnapshot,
  parseSnapshotFileName,
  type SnapshotName,
  snapshotFileName,
} from "./snapshot-file.ts";

/** Called when snapshots are unusable, so that segments are read instead. */
export type OnSnapshotTrouble = (what: string, cause: unknown) => void;

export const SNAPSHOTS_OF_NO_USE = "the snapshots of the journal are unusable: the whole journal is read";

/**
 * Reads the journal's snapshots, in order, each of which follows the previous one. The chain ends at a
 * missing, damaged or unreadable snapshot. The journal has all of its facts, because it is never shortened.
 *
 * If two snapshots have one number, that of the later generation counts. A coordinator that had lost its lock
 * may have written the other. A snapshot names its predecessor's checksum, so it never follows one of another
 * run.
 *
 * @param names names in the folder
 */
export async function readSnapshots(
  folder: string,
  names: readonly string[],
  disk: Disk,
  onTrouble: OnSnapshotTrouble = () => {},
): Promise<FoundSnapshot[]> {
  const byNumber = new Map<number, SnapshotName[]>();
  for (const name of names.flatMap((each) => parseSnapshotFileName(each) ?? []))
    byNumber.set(name.number, [...(byNumber.get(name.number) ?? []), name]);
  const chain: FoundSnapshot[] = [];
  const read = async (name: SnapshotName) => {
    const path = join(folder, snapshotFileName(name));
    try {
      return decodeSnapshot(await disk.readFile(path), name);
    } catch (cause) {
      onTrouble(`the snapshot ${path} cannot be read`, cause);
      return null;
    }
  };
  for (;;) {
    const rivals = byNumber.get(chain.length + 1) ?? [];
    const next = await firstThatFollows(rivals, chain.at(-1) ?? null, read);
    if (next === null) return chain;
    chain.push(next);
  }
}

async function firstThatFollows(
  rivals: readonly SnapshotName[],
  previous: FoundSnapshot | null,
  read: (name: SnapshotName) => Promise<FoundSnapshot | null>,
): Promise<FoundSnapshot | null> {
  for (const name of rivals.toSorted((a, b) => b.generation - a.generation)) {
    const found = await read(name);
    if (found !== null && follows(found, previous)) return found;
  }
  return null;
}

function follows({ head }: FoundSnapshot, previous: FoundSnapshot | null): boolean {
  return head.previous?.generation === previous?.generation && head.previous?.crc32 === previous?.crc32;
}

const MAKING_SUFFIX = ".tmp";

/**
 * Writes a snapshot durably and atomically: it is there whole, or not at all.
 *
 * @param confirm rejects when this process may no longer write
 */
export async function writeSnapshot(
  path: string,
  { pieces }: EncodedSnapshot,
  disk: Disk,
  confirm: () => Promise<void>,
): Promise<void> {
  const making = `${path}${MAKING_SUFFIX}`;
  try {
    await writeWhole(making, pieces, disk);
    await confirm();
    await disk.rename(making, path);
  } catch (error) {
    await disk.unlink(making).catch(() => {});
    throw error;
  }
  await syncPath(dirname(path), disk);
}

async function writeWhole(path: string, pieces: readonly Buffer[], disk: Disk): Promise<void> {
  const file = await disk.open(path, "w");
  try {
    for (const bytes of inWrites(pieces)) await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Small pieces are written together up to this size. Larger writes would not be faster. */
const WRITE_BYTES = 4 * 1024 * 1024;

function* inWrites(pieces: readonly Buffer[]): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < WRITE_BYTES) continue;
    yield Buffer.concat(waiting, bytes);
    [waiting, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(waiting, bytes);
}

/** Removes incomplete files of coordinators that were killed while writing a snapshot. */
export async function removeHalfMade(folder: string, names: readonly string[], disk: Disk): Promise<void> {
  for (const name of names) {
    if (!name.endsWith(MAKING_SUFFIX)) continue;
    if (parseSnapshotFileName(name.slice(0, -MAKING_SUFFIX.length)) === null) continue;
    await disk.unlink(join(folder, name)).catch(() => {});
  }
}
