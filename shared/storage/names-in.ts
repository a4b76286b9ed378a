import type { Location } from "../domain/location.ts";
import type { Storage } from "./storage.ts";

/**
 * Lists the names in a folder, optionally with a prefix. Null: the folder cannot be listed. Rejects with the
 * signal's reason.
 */
export async function namesIn(
  folder: Location,
  storage: Storage,
  options: { readonly prefix?: string; readonly signal: AbortSignal },
): Promise<readonly string[] | null> {
  const names: string[] = [];
  try {
    for await (const page of storage.list(folder, options)) for (const { name } of page) names.push(name);
  } catch {
    options.signal.throwIfAborted();
    return null;
  }
  return names;
}
