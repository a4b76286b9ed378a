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
  /** Made if needed. What a process that died left in it is the caller's to remove. */
  readonly spoolPath: string;
}

/**
 * Puts what comes but once into a storage that has to know its sha256 before it is sent, and may have to send
 * it again: by way of a file of this machine.
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
