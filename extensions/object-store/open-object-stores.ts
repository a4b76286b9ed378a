import type { JobStores, StoreSettings } from "../../shared/domain/job-stores.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { namedEndpoint } from "../../shared/domain/store-schemes.ts";
import { refuseLocation } from "../../shared/storage/allowed-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { storageByBucket } from "./by-bucket.ts";
import type { ObjectClient } from "./object-client.ts";
import { createObjectStorage, OBJECTS_CAN } from "./object-storage.ts";

/** Opens the buckets of a scheme, each with a client by the job's settings for it. */
export function openObjectStores(
  scheme: string,
  stores: JobStores,
  openClient: (settings: StoreSettings, isGuarded: boolean) => Promise<ObjectClient>,
): Storage {
  const open = async (settings: StoreSettings) => {
    const { endpoint } = settings;
    // An endpoint decides the meaning of a bucket's name, so the job must be allowed to name it.
    if (endpoint !== undefined) refuseLocation(parseLocation(namedEndpoint(endpoint) ?? endpoint), stores);
    return createObjectStorage(await openClient(settings, stores.isGuarded));
  };
  return storageByBucket({ scheme, can: OBJECTS_CAN, open }, stores);
}
