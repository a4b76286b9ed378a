import { ShardmillError } from "../../shared/core/errors.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";

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
