import { isShardmillError } from "../core/errors.ts";
import { settled } from "../core/settled.ts";
import type { ObjectClient, ObjectPut } from "./object-client.ts";
import type { ObjectPlace } from "./object-place.ts";

/**
 * Puts an object, or finds that its name is taken. A store that refuses an object before it has read it closes
 * the connection, and its answer may be lost at each try. Then the object that is there is the answer.
 *
 * @throws {STORE_FAILED} and the other STORE_ codes of the store
 */
export async function putObject(
  client: ObjectClient,
  place: ObjectPlace,
  put: ObjectPut,
  signal?: AbortSignal,
): ReturnType<ObjectClient["put"]> {
  try {
    return await client.put(place, put, signal);
  } catch (error) {
    if (!put.ifAbsent || !isShardmillError(error, "STORE_FAILED")) throw error;
    const there = await settled(client.head(place, signal));
    if (there.kind === "failed") throw error;
    return "taken";
  }
}
