import { messageOf, ShardmillError } from "../core/errors.ts";
import { UnsupportedFault } from "./arrow-metadata.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";

/** Runs a decoding step, and turns whatever it throws into an error about the file. */
export function arrowCorrupt<T>(path: string, where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw arrowError(path, where, error);
  }
}

function arrowError(path: string, where: string, error: unknown): ShardmillError {
  if (error instanceof ShardmillError) return error;
  if (error instanceof UnsupportedFault) return inputUnsupported(path, error.message, error.hint);
  const expected = "what the Arrow IPC format allows";
  return inputCorrupt({ path, where, expected, found: messageOf(error), cause: error });
}
