import { constants, createReadStream } from "node:fs";
import { access, stat } from "node:fs/promises";
import { realDisk } from "../core/disk.ts";
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

/** A file that is made piece by piece. */
interface NewFile extends AsyncDisposable {
  append(bytes: Uint8Array): Promise<void>;
}

/** A new file on this machine. It, and each of its calls, rejects with the codes of a storage. */
export async function createFile(path: string): Promise<NewFile> {
  const file = await asStorageErrors("make", path, () => realDisk.open(path, "wx"));
  return {
    append: (bytes) => asStorageErrors("write", path, () => file.write(bytes)),
    [Symbol.asyncDispose]: () => asStorageErrors("close", path, () => file.close()),
  };
}

/**
 * Whether files may be made in a folder, as far as that is known before one is.
 *
 * @throws {STORE_REFUSED} {STORE_NOT_FOUND} when not
 */
export async function checkWritable(folder: Location): Promise<void> {
  if (schemeOf(folder) !== "file") return;
  const path = localPathOf(folder);
  await asStorageErrors("write to", path, () => access(path, constants.W_OK | constants.X_OK));
}
