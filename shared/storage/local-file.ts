import { constants, createReadStream } from "node:fs";
import { access, stat } from "node:fs/promises";
import { type Location, localPathOf, schemeOf } from "../domain/location.ts";
import { asStorageErrors } from "./errors.ts";
import type { PutSource } from "./storage.ts";

/** Uploads move in steps of 64 KiB whatever the chunk; larger ones only take longer to cancel. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A file on this machine, to be put into a storage.
 *
 * @throws {STORE_NOT_FOUND} {STORE_FAILED}
 */
export async function sourceOfLocalFile(path: string): Promise<PutSource> {
  const { size } = await asStorageErrors("read", path, () => stat(path));
  return {
    bytes: size,
    async *chunks() {
      const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
      try {
        yield* stream as AsyncIterable<Buffer>;
      } finally {
        stream.destroy();
      }
    },
  };
}

/** Whether files may be made in a folder, as far as that is known before one is. */
export async function mayWrite(folder: Location): Promise<boolean> {
  if (schemeOf(folder) !== "file") return true;
  return await access(localPathOf(folder), constants.W_OK).then(
    () => true,
    () => false,
  );
}
