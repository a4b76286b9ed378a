import {
  decodeSnapshot,
  type FoundSnapshot,
  parseSnapshotFileName,
  type SnapshotName,
  snapshotFileName,
} from "../../coordinator/journal/snapshot-file.ts";
import type { OnSnapshotTrouble } from "../../coordinator/journal/snapshots.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";

const AT_ONCE = 16;

/**
 * Reads the snapshots of a journal in a bucket, in order: the newest with a complete chain of predecessors. A
 * snapshot has the number of a journal object, and covers all objects before it.
 */
export async function readBucketSnapshots(
  folder: Location,
  storage: Pick<Storage, "list" | "stat" | "read">,
  onTrouble: OnSnapshotTrouble,
): Promise<FoundSnapshot[]> {
  const found = await mapConcurrent(await snapshotNames(folder, storage), AT_ONCE, async (name) => {
    const location = below(folder, snapshotFileName(name));
    try {
      const { bytes } = await storage.stat(location, NEVER);
      return decodeSnapshot(Buffer.from(await storage.read(location, 0, bytes, { signal: NEVER })), name);
    } catch (cause) {
      onTrouble(`the snapshot ${location} cannot be read`, cause);
      return null;
    }
  });
  const good = found.filter((snapshot) => snapshot !== null).sort((a, b) => b.number - a.number);
  for (const newest of good) {
    const chain = chainTo(newest, good);
    if (chain !== null) return chain;
  }
  return [];
}

/** @throws {STORE_FAILED} and other storage errors when the put fails */
export async function putSnapshot(
  folder: Location,
  name: SnapshotName,
  pieces: readonly Buffer[],
  storage: Pick<Storage, "put">,
): Promise<void> {
  const source = sourceOfBytes(Buffer.concat(pieces));
  await storage.put(below(folder, snapshotFileName(name)), source, { ifAbsent: true, signal: NEVER });
}

async function snapshotNames(
  folder: Location,
  storage: Pick<Storage, "list">,
): Promise<readonly SnapshotName[]> {
  const names: SnapshotName[] = [];
  try {
    for await (const page of storage.list(folder, { signal: NEVER }))
      names.push(...page.flatMap(({ name }) => parseSnapshotFileName(name) ?? []));
  } catch (error) {
    if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
  }
  return names;
}

/** Returns the chain of snapshots up to `newest`. Null: one of them is missing or damaged. */
function chainTo(newest: FoundSnapshot, good: readonly FoundSnapshot[]): FoundSnapshot[] | null {
  const chain = [newest];
  for (let at = newest; at.head.previous !== null; ) {
    const { generation, crc32 } = at.head.previous;
    const { number } = at;
    const before = good.find(
      (other) => other.number < number && other.generation === generation && other.crc32 === crc32,
    );
    if (before === undefined) return null;
    chain.push(before);
    at = before;
  }
  return chain.reverse();
}
