import { join } from "node:path";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputManifest } from "../../shared/domain/manifest.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";

/** Reads the manifest of an output folder on this machine, and closes its file. */
export async function manifestOf(output: string): Promise<OutputManifest> {
  await using storage = createLocalStorage();
  return await readManifest(parseLocation(join(output, MANIFEST_NAME)), storage, NEVER);
}
