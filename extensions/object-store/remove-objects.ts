import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { ObjectClient, ObjectPage } from "./object-client.ts";
import { named, placeOf, prefixOf } from "./object-place.ts";

const REMOVED_AT_ONCE = 1_000;
const REMOVALS_AT_ONCE = 16;

/**
 * Removes an object, and all whose keys are below it.
 *
 * @throws {STORE_FAILED} when the store keeps what it says it removed; what the client throws
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
  // A page that was removed is not listed again: so it is always the first that has any.
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

/** A store that does not do what it says would be asked for ever. */
function notRemoved(location: Location, key: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${location} is listed as before after it was removed`, {
    fields: { path: location, key },
    hint: "its store keeps what it says it removed: look for locks, or remove it there",
  });
}
