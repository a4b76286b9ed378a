import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { ObjectClient, ObjectPage } from "./object-client.ts";
import { named, placeOf, prefixOf } from "./object-place.ts";

const REMOVED_AT_ONCE = 1_000;
const REMOVALS_AT_ONCE = 16;

/**
 * Removes an object, and all objects with keys below it.
 *
 * @throws {STORE_FAILED} when removed objects are still listed
 * @throws the errors of the client
 */
export async function removeObjects(
  client: ObjectClient,
  location: Location,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const place = placeOf(location);
  const { key } = place;
  if (key !== "" && !key.endsWith("/")) await client.remove(named(place), signal);
  // Removed objects are no longer listed, so the first page with objects is always the next one.
  for (let last = "", from: string | null = null; ; ) {
    const wanted = { prefix: prefixOf(place), most: REMOVED_AT_ONCE, from };
    const { objects, next }: ObjectPage = await client.list(place, wanted, signal);
    const keys = objects.map((each) => each.key);
    const [first] = keys;
    from = first === undefined ? next : null;
    if (first !== undefined) {
      if (first === last) throw notRemoved(location, first);
      last = first;
      if (client.removeMany !== undefined) await client.removeMany(place, keys, signal);
      else
        await mapConcurrent(keys, REMOVALS_AT_ONCE, (each) => client.remove({ ...place, key: each }, signal));
    }
    if (next === null) return;
  }
}

/** Returns the error for a store that keeps removed objects. Without it, the loop would never end. */
function notRemoved(location: Location, key: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${location} is still listed after its removal`, {
    fields: { path: location, key },
    hint: "look for object locks in the store, or remove the object there",
  });
}
