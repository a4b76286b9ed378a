import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { fileFormatOf } from "../../shared/domain/formats.ts";
import { folderOf, type Location } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { type FetchListed, type ListedFile, rowFileOf } from "../../shared/storage/row-file.ts";
import type { Way } from "./ways.ts";

/** Name of the fact that a removed file no longer meets, in the fields of INPUT_CHANGED. */
export const PRESENCE = "presence";

/** Checks whether a file of the dataset is a list of files, each of which is a row. */
export function isList({ format }: Partial<Pick<InputFile, "format">>): boolean {
  return format !== undefined && fileFormatOf(format) !== null;
}

/** Checks whether another way may lead to the file. */
export function mayBeElsewhere(error: unknown): boolean {
  return isShardmillError(error) && ERROR_CODES[error.code].storage === "elsewhere";
}

/** Reads a whole file on a way, and checks it against the plan. */
type ReadWhole = (way: Way, file: ListedFile, signal: AbortSignal) => Promise<Uint8Array>;

/**
 * Returns a reader of listed files. It takes the first way with the planned file. A file that changed or was
 * removed is refused alone. If its folder is missing, too, a mount may be missing, and the error is thrown.
 */
export function listedReader(
  ways: readonly Way[],
  read: ReadWhole,
  onFar: (path: string) => void = () => {},
): FetchListed {
  const readNearest = async (file: ListedFile, signal: AbortSignal): Promise<Uint8Array> => {
    let failure: unknown;
    for (const way of ways) {
      try {
        const bytes = await read(way, file, signal);
        if (way !== ways[0]) onFar(file.path);
        return bytes;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        if (!mayBeElsewhere(error)) break;
      }
    }
    throw failure;
  };
  return async (file, signal) => {
    try {
      return await rowFileOf(file.path, () => readNearest(file, signal));
    } catch (error) {
      if (!isShardmillError(error, "INPUT_CHANGED") || (await isFolderMissing(ways, file.path, signal)))
        throw error;
      const isRemoved = error.fields.what === PRESENCE;
      return { kind: "refused", why: `${isRemoved ? "was removed" : "changed"} since the job was planned` };
    }
  };
}

async function isFolderMissing(ways: readonly Way[], path: Location, signal: AbortSignal): Promise<boolean> {
  if (!isOnThisMachine(path)) return false;
  for (const way of ways) {
    const error = await way.stat(folderOf(path), signal).catch((reason: unknown) => reason);
    if (!isShardmillError(error, "STORE_NOT_FOUND")) return false;
  }
  return true;
}
