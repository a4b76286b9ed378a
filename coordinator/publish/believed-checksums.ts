import type { Location } from "../../shared/domain/location.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { asOutputFailed } from "./output-failed.ts";

/**
 * What a storage tells of its files, if it has shown that it makes sure of what comes to it; else all is
 * read.
 *
 * @param folder of this job's own: a small file is put there, and removed
 * @throws {OUTPUT_FAILED} when it cannot be tried
 */
export async function believedChecksums(
  { checksums }: Storage,
  folder: Location,
): Promise<StoredChecksums | undefined> {
  if (checksums === undefined) return undefined;
  const what = "the output folder cannot be written to";
  const isEarned = await asOutputFailed({ path: folder, what }, () => checksums.areEarned(folder));
  return isEarned ? checksums : undefined;
}
