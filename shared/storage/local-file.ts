import { constants, createReadStream } from "node:fs";
import { access, stat } from "node:fs/promises";
import { realDisk } from "../core/disk.ts";
import { type Location, localPathOf, schemeOf } from "../domain/location.ts";
import { asStorageErrors } from "./errors.ts";
import type { PutSource } from "./storage.ts";

/** Chunk of an upload. Uploads move in steps of 64 KiB anyway. Larger chunks only take longer to cancel. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Makes a source to put a file of this machine into a storage.
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

/** File that is written piece by piece. */
interface NewFile extends AsyncDisposable {
  append(bytes: Uint8Array): Promise<void>;
}

/** Creates a file on this machine. The call and its methods reject with a storage's codes. */
export async function createFile(path: string): Promise<NewFile> {
  const file = await asStorageErrors("make", path, () => realDisk.open(path, "wx"));
  return {
    append: (bytes) => asStorageErrors("write", path, () => file.write(bytes)),
    [Symbol.asyncDispose]: () => asStorageErrors("close", path, () => file.close()),
  };
}

/**
 * Checks whether files may be made in a folder, without making one.
 *
 * @throws {STORE_REFUSED} {STORE_NOT_FOUND} when not
 */
export async function checkWritable(folder: Location): Promise<void> {
  if (schemeOf(folder) !== "file") return;
  const path = localPathOf(folder);
  await asStorageErrors("write to", path, () => access(path, constants.W_OK | constants.X_OK));
}
