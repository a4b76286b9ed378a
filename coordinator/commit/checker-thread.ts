import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { blockingDisk } from "./blocking-disk.ts";
import type { CheckPlace } from "./check-partial.ts";
import { type CheckFinding, checkPartials } from "./check-partials.ts";
import type { CheckerThread } from "./checker-thread-client.ts";
import { countRows } from "./row-counter.ts";

/** Place of the partials, and its storages. Null before the first job. */
let opened: { readonly place: CheckPlace; readonly storages: Storages } | null = null;

serveOwner<CheckerThread>({ open, check });

function open(place: CheckPlace): void {
  // The storages of the earlier place are idle.
  void opened?.storages[Symbol.asyncDispose]().catch(() => {});
  const local = { file: async () => createLocalStorage({ disk: blockingDisk }) };
  opened = { place, storages: new Storages(local, place.stores) };
}

/**
 * Returns the findings. A storage that cannot be opened is the finding, not a failure: new credentials may
 * come.
 */
async function check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
  const { place, storages } = present(opened, "a check comes after its place");
  const storage = await storages.at(place.partials).catch(errorToData);
  if (!("can" in storage)) return partials.map(() => storage);
  return await checkPartials(partials, place, { storage, countRows });
}
