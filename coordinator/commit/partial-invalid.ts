import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { isNotAFile, isPlaceError, isTooShort } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";

interface PartialDifference {
  /** Of the file or folder that differs; left out where the manifest contradicts itself. */
  readonly path?: string;
  /** Lower case, no full stop. */
  readonly what: string;
  readonly expected: string | number;
  readonly found: string | number;
  readonly cause?: unknown;
}

/**
 * A partial that is not what its manifest says. The fields `shard` and `digest` tell the scheduler what to
 * send back.
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
 * Whether a failure tells nothing of what is at a location: off this machine, a line that broke, a store that
 * is down, credentials that are over. What was seen to differ tells something, and so does all that fails on
 * a disk of this machine.
 */
export function tellsNothingOf(location: Location, error: unknown): boolean {
  if (isOnThisMachine(location) || !isPlaceError(error)) return false;
  if (isTooShort(error) || isNotAFile(error)) return false;
  return !isShardmillError(error, "STORE_NOT_FOUND") && !isShardmillError(error, "STORE_CHANGED");
}
