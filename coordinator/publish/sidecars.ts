import { NEVER } from "../../shared/core/abort.ts";
import { below } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { sidecarsOf } from "../../shared/domain/sidecars.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { OutputPaths } from "./work-paths.ts";

/** Names of the files beside the manifest, in the order in which they are placed. */
export function sidecars(manifest: Pick<OutputManifest, "marker">): readonly string[] {
  const files = sidecarsOf(manifest).map(({ file }) => file);
  return manifest.marker === undefined ? files : [...files, manifest.marker];
}

/** Checks whether every file that belongs beside the manifest exists. */
export async function hasAllSidecars(
  { output }: Pick<OutputPaths, "output">,
  manifest: Pick<OutputManifest, "marker">,
  storage: Pick<Storage, "kindAt">,
): Promise<boolean> {
  for (const name of sidecars(manifest))
    if ((await storage.kindAt(below(output, name), NEVER)) === null) return false;
  return true;
}

/**
 * Writes the files beside the manifest, which are made from it. Puts the marker last: a reader that waits for
 * the marker finds everything. Safe to repeat.
 */
export async function placeSidecars(
  { output }: Pick<OutputPaths, "output">,
  manifest: OutputManifest,
  storage: Pick<Storage, "put" | "sync">,
): Promise<void> {
  for (const { file, load } of sidecarsOf(manifest)) {
    const textOf = await load();
    await storage.put(below(output, file), sourceOfBytes(textOf(manifest)), { signal: NEVER });
  }
  const { marker } = manifest;
  if (marker !== undefined) await storage.put(below(output, marker), sourceOfBytes(""), { signal: NEVER });
  await storage.sync(output);
}
