import type { Location } from "../domain/location.ts";
import type { Storage } from "./storage.ts";

/** The names in a folder, with a prefix those that begin with it; null where it cannot be listed. */
export async function namesIn(
  folder: Location,
  storage: Storage,
  prefix = "",
): Promise<readonly string[] | null> {
  const names: string[] = [];
  try {
    for await (const page of storage.list(folder, { prefix })) for (const { name } of page) names.push(name);
  } catch {
    return null;
  }
  return names;
}
