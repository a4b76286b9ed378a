import { EXTENSIONS } from "#extensions";
import { SeededRandom } from "./seeded-random.ts";

/**
 * Where the outputs of a world are: on a disk; in a bucket, with the journals on the coordinator's disk; or
 * `shared`, in a bucket with the journals beside them, which coordinators on several machines take up.
 */
export const STORAGE_KINDS = ["disk", "bucket", "shared"] as const;
export type StorageKind = (typeof STORAGE_KINDS)[number];

/** Of a hundred worlds so many have their outputs in a bucket, and half of these their journals, too. */
const BUCKET_SHARE = 0.3;

/** That of a seed's world; from a stream of its own, too. */
export function storageOf(seed: number): StorageKind {
  const random = new SeededRandom(seed ^ 0x2c1b_3c6d);
  if (!random.chance(BUCKET_SHARE)) return "disk";
  return random.chance(0.5) && mayBe("shared") ? "shared" : "bucket";
}

/** Returns whether a world can have it: only an extension has journals that are shared. */
export function mayBe(kind: StorageKind): boolean {
  return kind !== "shared" || EXTENSIONS.some(({ journal }) => journal !== undefined);
}

export function isStorageKind(text: string | undefined): text is StorageKind {
  return STORAGE_KINDS.some((kind) => kind === text);
}
