import type { Location } from "../domain/location.ts";
import type { Storage } from "./storage.ts";

/** The names in a folder; null where it cannot be listed. */
export async function namesIn(folder: Location, storage: Storage): Promise<readonly string[] | null> {
  const names: string[] = [];
  try {
    for await (const page of storage.list(folder)) for (const { name } of page) names.push(name);
  } catch {
    return null;
  }
  return names;
}
