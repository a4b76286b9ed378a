import { NEVER } from "../core/abort.ts";
import { isShardmillError, ShardmillError } from "../core/errors.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { isAllowed } from "../domain/allowed-locations.ts";
import type { JobStores } from "../domain/job-stores.ts";
import { below, folderOf, type Location, nameOf } from "../domain/location.ts";
import { isOnThisMachine } from "./local-paths.ts";
import type { Storage, StoredChecksums } from "./storage.ts";

/** Locations that may be opened. */
type Allowed = Pick<JobStores, "allowed" | "isNarrowed">;

/** @throws {LOCATION_REFUSED} when the location is outside the allowed places */
export function refuseLocation(location: Location, { allowed, isNarrowed = false }: Allowed): void {
  if (allowed === undefined || isAllowed(location, allowed)) return;
  const path = withoutSecrets(location);
  throw new ShardmillError("LOCATION_REFUSED", `${path} may not be opened here`, {
    fields: {
      path,
      allowed: allowed.length === 0 ? "none" : allowed.map(withoutSecrets).join(" "),
      isNarrowed,
    },
    hint: "ask the operators of coordinator and worker to allow the place with --allow-locations",
  });
}

/** Wraps a storage, so that it opens only allowed locations. On disks, checks the targets of links, too. */
export function allowedStorage(storage: Storage, allowed: Allowed): Storage {
  const check = async (location: Location) => {
    refuseLocation(location, allowed);
    if (isOnThisMachine(location)) refuseLocation(await realPlace(storage, location), allowed);
  };
  const at = <More extends readonly unknown[], Result>(
    call: (this: Storage, location: Location, ...more: More) => Promise<Result>,
  ) => {
    return async (location: Location, ...more: More): Promise<Result> => {
      await check(location);
      return await call.call(storage, location, ...more);
    };
  };
  const between = <More extends readonly unknown[]>(
    call: (this: Storage, from: Location, to: Location, ...more: More) => Promise<void>,
  ) => {
    return async (from: Location, to: Location, ...more: More): Promise<void> => {
      await Promise.all([check(from), check(to)]);
      await call.call(storage, from, to, ...more);
    };
  };
  const { checksums, storeOf, removeUploads } = storage;
  return {
    can: storage.can,
    ...(checksums === undefined ? {} : { checksums: allowedChecksums(checksums, check) }),
    ...(storeOf === undefined ? {} : { storeOf: at(storeOf) }),
    ...(removeUploads === undefined ? {} : { removeUploads: at(removeUploads) }),
    async *list(folder, options) {
      await check(folder);
      yield* storage.list(folder, options);
    },
    kindAt: at(storage.kindAt),
    stat: at(storage.stat),
    real: at(storage.real),
    read: at(storage.read),
    put: at(storage.put),
    sync: at(storage.sync),
    remove: at(storage.remove),
    rename: between(storage.rename),
    link: between(storage.link),
    copy: between(storage.copy),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

function allowedChecksums(
  checksums: StoredChecksums,
  check: (location: Location) => Promise<void>,
): StoredChecksums {
  return {
    async of(location, signal) {
      await check(location);
      return await checksums.of(location, signal);
    },
    async areEarned(folder, signal) {
      await check(folder);
      return await checksums.areEarned(folder, signal);
    },
  };
}

/** Follows the links of a location. Of a path that does not exist yet, follows the existing part. */
async function realPlace(storage: Storage, location: Location): Promise<Location> {
  try {
    return await storage.real(location, NEVER);
  } catch (error) {
    const folder = folderOf(location);
    if (folder === location || !isShardmillError(error, "STORE_NOT_FOUND")) throw error;
    return below(await realPlace(storage, folder), nameOf(location));
  }
}
