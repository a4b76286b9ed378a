import type { Location } from "../domain/location.ts";
import { isOnThisMachine } from "./local-paths.ts";
import type { Storage } from "./storage.ts";

/**
 * Where links lead from a location, at which something is. There are none off disks, where a look costs
 * requests.
 */
export async function realLocation(
  location: Location,
  storage: Pick<Storage, "real">,
  signal: AbortSignal,
): Promise<Location> {
  return isOnThisMachine(location) ? await storage.real(location, signal) : location;
}
