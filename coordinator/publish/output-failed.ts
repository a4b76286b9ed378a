import { ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError, reasonOf } from "../../shared/storage/errors.ts";

interface OutputWork {
  readonly path: Location | string;
  /** Text of the error before its cause: `the output cannot be staged`. */
  readonly what: string;
  readonly hint?: string;
}

/**
 * Runs `work` on the output. Reports an error of the storage or the disk as OUTPUT_FAILED.
 *
 * @throws {OUTPUT_FAILED} when the storage or the disk fails
 */
export async function asOutputFailed<T>(
  { path, what, hint }: OutputWork,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isPlaceError(cause)) throw cause;
    throw new ShardmillError("OUTPUT_FAILED", `${what}: ${reasonOf(cause)}`, {
      fields: { path },
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
