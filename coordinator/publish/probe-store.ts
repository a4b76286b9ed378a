import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { asOutputFailed } from "./output-failed.ts";

/**
 * Tests the store of an output with small files, which are removed again. Tests that a conditional put
 * replaces nothing, and whether the store's checksums can be trusted.
 *
 * @param folder folder that only this coordinator uses
 * @returns the store's checksums of its files, if they can be trusted. Undefined: all files are read
 * @throws {OUTPUT_FAILED} when the test fails to run, or the store replaces a file
 */
export async function probeStore(
  storage: Storage,
  folder: Location,
  random: Random,
): Promise<StoredChecksums | undefined> {
  if (isOnThisMachine(folder)) return undefined;
  const what = "the output folder cannot be written to";
  return await asOutputFailed({ path: folder, what }, async () => {
    await refuseReplacing(storage, below(folder, `probe-${random.hex(8)}`));
    const { checksums } = storage;
    return (await checksums?.areEarned(folder, NEVER)) === true ? checksums : undefined;
  });
}

/**
 * Checks that a conditional put fails where a file exists. Of several coordinators that publish at once, this
 * lets only one succeed.
 */
async function refuseReplacing(storage: Storage, location: Location): Promise<void> {
  try {
    await storage.put(location, sourceOfBytes("the first"), { ifAbsent: true, signal: NEVER });
    await storage.put(location, sourceOfBytes("another"), { ifAbsent: true, signal: NEVER });
  } catch (error) {
    if (isShardmillError(error, "STORE_EXISTS")) return;
    throw error;
  } finally {
    await storage.remove(location, NEVER);
  }
  const message = `the store of ${location} replaces an existing object despite If-None-Match: *`;
  throw new ShardmillError("OUTPUT_FAILED", message, {
    fields: { path: location, expected: "refused by If-None-Match: *", found: "replaced" },
    hint: "choose an output.path in a store with conditional puts, or on a disk: only they ensure that a result is published once",
  });
}
