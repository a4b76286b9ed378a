import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { isNotAFile, isPlaceError, isTooShort } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";

interface PartialDifference {
  /** Path of the file or folder that differs. Default: none, as the manifest contradicts itself. */
  readonly path?: string;
  /** Lower case, no full stop. */
  readonly what: string;
  readonly expected: string | number;
  readonly found: string | number;
  readonly cause?: unknown;
}

/**
 * Returns the error of a partial that differs from its manifest. By its fields `shard` and `digest`, the
 * scheduler finds the shard to run again.
 */
export function partialInvalid(
  partial: Pick<PartialManifest, "shard" | "digest">,
  difference: PartialDifference,
): ShardmillError {
  const { path, what, expected, found, cause } = difference;
  const message = `the partial of shard ${partial.shard} is not what its manifest says: ${what} (expected ${expected}, found ${found})`;
  return new ShardmillError("PARTIAL_INVALID", message, {
    fields: {
      shard: partial.shard,
      digest: partial.digest,
      path: path ?? null,
      what,
      expected,
      found,
    },
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Checks whether an error says nothing about the content at a location. True for failures off this machine: a
 * lost connection, a store that is down, expired credentials. False for a difference that was found, and for
 * every error of a disk of this machine.
 */
export function hasNoVerdictOn(location: Location, error: unknown): boolean {
  if (isOnThisMachine(location) || !isPlaceError(error)) return false;
  if (isTooShort(error) || isNotAFile(error)) return false;
  return !isShardmillError(error, "STORE_NOT_FOUND") && !isShardmillError(error, "STORE_CHANGED");
}
