import { workerData } from "node:worker_threads";
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

const place: CheckPlace = workerData;
const storages = new Storages({ file: async () => createLocalStorage({ disk: blockingDisk }) }, place.stores);

serveOwner<CheckerThread>({ check: findingsOf });

/**
 * Returns the findings. A storage that cannot be opened is the finding, not a failure: new credentials may
 * come.
 */
async function findingsOf(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
  const storage = await storages.at(place.partials).catch(errorToData);
  if (!("can" in storage)) return partials.map(() => storage);
  return await checkPartials(partials, place, { storage, countRows });
}
