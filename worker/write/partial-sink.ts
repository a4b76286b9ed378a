import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location, localPathOf } from "../../shared/domain/location.ts";
import type { PartialFile } from "../../shared/domain/partial.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import { isMadeInPlace, isOnThisMachine, makeOwnFolder } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** Destination of a partial's files, where the coordinator looks for them. */
export interface PartialSink {
  /** Folder to write the files to, each once, under their final names. */
  readonly path: string;
  /** Makes the files durable in their final place, after all are written. */
  seal(files: readonly SealedFile[], signal: AbortSignal): Promise<void>;
  /** Removes what was written for a partial that failed. */
  discard(): Promise<void>;
}

type SealedFile = Pick<PartialFile, "name" | "sha256">;

interface SinkPlace {
  readonly storage: Pick<Storage, "can" | "put" | "sync" | "remove">;
  /** Parent of a folder for each execution. */
  readonly partials: Location;
  readonly folder: string;
  /** Folder of this attempt only, for files that are uploaded once they are complete. */
  readonly scratchPath: string;
  /** Default: makes a folder on this machine's disk. */
  readonly makeFolder?: (path: string) => Promise<void>;
}

/**
 * Opens a sink that suits the storage of the partials. Files are written in their final place, so no byte is
 * written twice. Otherwise they are written to the scratch folder, then uploaded.
 *
 * @throws {STORE_EXISTS} when the folder already exists
 */
export async function openSink(place: SinkPlace): Promise<PartialSink> {
  return isMadeInPlace(place.partials, place.storage) ? await makeInPlace(place) : await makeAndPut(place);
}

async function makeInPlace(place: SinkPlace): Promise<PartialSink> {
  const { storage, partials, makeFolder = makeOwnFolder } = place;
  const folder = below(partials, place.folder);
  const path = localPathOf(folder);
  await makeFolder(path);
  return {
    path,
    async seal(files, signal) {
      for (const { name } of files) {
        signal.throwIfAborted();
        await storage.sync(below(folder, name));
      }
      await storage.sync(folder);
      await storage.sync(partials);
    },
    discard: () => storage.remove(folder, NEVER),
  };
}

/**
 * Files uploaded before a failure stay until the coordinator sweeps. A worker removes nothing there, and they
 * were not offered.
 */
async function makeAndPut(place: SinkPlace): Promise<PartialSink> {
  const { storage, partials, scratchPath, makeFolder = makeOwnFolder } = place;
  const path = join(scratchPath, "partial");
  await makeFolder(path);
  return {
    path,
    async seal(files, signal) {
      // Folders that were removed with a job are not made again.
      const options = { ifAbsent: true, within: partials, signal };
      for (const { name, sha256 } of files) {
        const source = await sourceOfLocalFile(join(path, name));
        await storage.put(below(partials, place.folder, name), source, { ...options, sha256 });
      }
    },
    // The caller removes the scratch folder.
    discard: async () => {},
  };
}

/** Discards the partial of a sink that was lost with its thread. */
export async function discardLost(partials: Location, folder: string): Promise<void> {
  if (!isOnThisMachine(partials)) return;
  await using storages = new Storages();
  const storage = await storages.at(partials);
  if (isMadeInPlace(partials, storage)) await storage.remove(below(partials, folder), NEVER);
}
