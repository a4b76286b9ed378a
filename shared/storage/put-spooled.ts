import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Location } from "../domain/location.ts";
import { sourceOfLocalFile } from "./local-file.ts";
import { makeScratch, removeScratch } from "./local-paths.ts";
import { drain } from "./put-source.ts";
import type { PutOptions, PutSource, Storage } from "./storage.ts";

interface SpoolPlace {
  readonly storage: Pick<Storage, "put">;
  readonly options: PutOptions;
  /** Folder of spooled files, made if needed. The caller removes remains of processes that exited. */
  readonly spoolPath: string;
}

/**
 * Puts a source that can be read only once, through a file of this machine. The storage needs the sha256
 * before it sends, and may send again.
 */
export async function putSpooled(
  target: Location,
  source: PutSource,
  { storage, options, spoolPath }: SpoolPlace,
): Promise<void> {
  const path = join(spoolPath, randomUUID());
  try {
    const { sha256 } = await makeScratch(path, (append) => drain(target, source, options, append));
    await storage.put(target, await sourceOfLocalFile(path), { ...options, sha256 });
  } finally {
    await removeScratch(path);
  }
}
