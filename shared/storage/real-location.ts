import type { Location } from "../domain/location.ts";
import { isOnThisMachine } from "./local-paths.ts";
import type { Storage } from "./storage.ts";

/** Follows the links of an existing location. Only disks have links, and elsewhere a check costs requests. */
export async function realLocation(
  location: Location,
  storage: Pick<Storage, "real">,
  signal: AbortSignal,
): Promise<Location> {
  return isOnThisMachine(location) ? await storage.real(location, signal) : location;
}
