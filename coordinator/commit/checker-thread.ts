import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { blockingDisk } from "./blocking-disk.ts";
import type { CheckPlace } from "./check-partial.ts";
import { type CheckFinding, checkPartials } from "./check-partials.ts";
import { countRows } from "./row-counter.ts";

/**
 * Entry of a thread that checks partials: some at a time, as its owner sends them, until its owner ends it.
 */
const port = present(parentPort, "a check thread has a parent");
const place: CheckPlace = workerData;
const storages = new Storages({ file: async () => createLocalStorage({ disk: blockingDisk }) }, place.stores);

port.on("message", async (partials: readonly PartialManifest[]) => {
  port.postMessage(await findingsOf(partials));
});

/** A storage that cannot be opened, as where credentials are over, is no reason to end: later it may be. */
async function findingsOf(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
  const storage = await storages.at(place.partials).catch(errorToData);
  if (!("can" in storage)) return partials.map(() => storage);
  return await checkPartials(partials, place, { storage, countRows });
}
