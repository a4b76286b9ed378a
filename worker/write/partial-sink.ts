import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location, localPathOf } from "../../shared/domain/location.ts";
import type { PartialFile } from "../../shared/domain/partial.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import { isMadeInPlace, isOnThisMachine, makeOwnFolder } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** Where a partial's files are made, and how they get to where the coordinator looks for them. */
export interface PartialSink {
  /** The folder in which files are made, each once, under their final names. */
  readonly path: string;
  /** All files are made: from here on they are where they belong, durably. */
  seal(files: readonly SealedFile[], signal: AbortSignal): Promise<void>;
  /** The partial is not to be: what was made of it is removed. */
  discard(): Promise<void>;
}

type SealedFile = Pick<PartialFile, "name" | "sha256">;

interface SinkPlace {
  readonly storage: Pick<Storage, "can" | "put" | "sync" | "remove">;
  /** Below it each execution has a folder of its own. */
  readonly partials: Location;
  readonly folder: string;
  /** This attempt's own: for files that are put once they are made. */
  readonly scratchPath: string;
  /** Left out: on this machine's disk. */
  readonly makeFolder?: (path: string) => Promise<void>;
}

/**
 * A sink as the storage of the partials allows: files are made where they belong, so that no byte is written
 * twice, or in the scratch folder, from which they are put.
 *
 * @throws {STORE_EXISTS} when the folder is there already
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
 * What was put before a failure stays there until the coordinator sweeps: a worker removes nothing there, and
 * nobody was offered it.
 */
async function makeAndPut(place: SinkPlace): Promise<PartialSink> {
  const { storage, partials, scratchPath, makeFolder = makeOwnFolder } = place;
  const path = join(scratchPath, "partial");
  await makeFolder(path);
  return {
    path,
    async seal(files, signal) {
      // What was removed with a job is not made anew.
      const options = { ifAbsent: true, within: partials, signal };
      for (const { name, sha256 } of files) {
        const source = await sourceOfLocalFile(join(path, name));
        await storage.put(below(partials, place.folder, name), source, { ...options, sha256 });
      }
    },
    // With the scratch folder, which is the caller's to remove.
    discard: async () => {},
  };
}

/** As `discard`, of a sink that was lost with its thread. */
export async function discardLost(partials: Location, folder: string): Promise<void> {
  if (!isOnThisMachine(partials)) return;
  await using storages = new Storages();
  const storage = await storages.at(partials);
  if (isMadeInPlace(partials, storage)) await storage.remove(below(partials, folder), NEVER);
}
