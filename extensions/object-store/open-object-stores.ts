import type { JobStores, StoreSettings } from "../domain/job-stores.ts";
import { parseLocation } from "../domain/location.ts";
import { namedEndpoint } from "../domain/store-schemes.ts";
import type { ObjectClient } from "../objects/object-client.ts";
import { refuseLocation } from "./allowed-storage.ts";
import { storageByBucket } from "./by-bucket.ts";
import { createObjectStorage, OBJECTS_CAN } from "./object-storage.ts";
import type { Storage } from "./storage.ts";

/** Opens the buckets of a scheme, each with a client by the settings that the job has for it. */
export function openObjectStores(
  scheme: string,
  stores: JobStores,
  openClient: (settings: StoreSettings, isGuarded: boolean) => Promise<ObjectClient>,
): Storage {
  const open = async (settings: StoreSettings) => {
    const { endpoint } = settings;
    // An endpoint decides which bucket a name means, so the job needs the right to name it.
    if (endpoint !== undefined) refuseLocation(parseLocation(namedEndpoint(endpoint) ?? endpoint), stores);
    return createObjectStorage(await openClient(settings, stores.isGuarded));
  };
  return storageByBucket({ scheme, can: OBJECTS_CAN, open }, stores);
}
