import { EXTENSIONS } from "#extensions";
import { SeededRandom } from "./seeded-random.ts";

/**
 * Kinds of storage for the outputs of a world:
 *
 * - `disk`: outputs and journals on a disk.
 * - `bucket`: outputs in a bucket, journals on the coordinator's disk.
 * - `shared`: outputs and journals in a bucket, and coordinators on several machines.
 */
export const STORAGE_KINDS = ["disk", "bucket", "shared"] as const;
export type StorageKind = (typeof STORAGE_KINDS)[number];

/** Share of worlds with their outputs in a bucket. Half of these have their journals there, too. */
const BUCKET_SHARE = 0.3;

/** Returns the kind of a seed's world, from a separate stream. */
export function storageOf(seed: number): StorageKind {
  const random = new SeededRandom(seed ^ 0x2c1b_3c6d);
  if (!random.chance(BUCKET_SHARE)) return "disk";
  return random.chance(0.5) && mayBe("shared") ? "shared" : "bucket";
}

/** Returns true when a world can have this kind. Shared journals need an extension. */
export function mayBe(kind: StorageKind): boolean {
  return kind !== "shared" || EXTENSIONS.some(({ journal }) => journal !== undefined);
}

export function isStorageKind(text: string | undefined): text is StorageKind {
  return STORAGE_KINDS.some((kind) => kind === text);
}
