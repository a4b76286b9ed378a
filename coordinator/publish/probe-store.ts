import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { asOutputFailed } from "./output-failed.ts";

/**
 * Tries what an output rests on, with small files that are put into a folder and removed: that a store
 * replaces nothing where it is asked not to, and whether its checksums may be believed.
 *
 * @param folder of this coordinator's own
 * @returns what the store tells of its files, where that is to be believed; else all is read
 * @throws {OUTPUT_FAILED} when it cannot be tried, or the store replaces what is there
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

/** Of several coordinators that publish at once, one wins: because a put where something is fails. */
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
  const message = `the store of ${location} replaces what is there although it is asked not to`;
  throw new ShardmillError("OUTPUT_FAILED", message, {
    fields: { path: location, expected: "refused by If-None-Match: *", found: "replaced" },
    hint: "choose an output.path in a store that knows conditional puts, or on a disk: nothing else makes sure that a result is published once",
  });
}
