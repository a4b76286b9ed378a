import { createHash } from "node:crypto";
import type { Location } from "../domain/location.ts";
import type { Storage, StoredFile } from "./storage.ts";

/** Less costs calls, more only memory. */
const PIECE_BYTES = 1 << 20;

/**
 * The sha256 and size of a file, all of which is read, piece by piece.
 *
 * @throws {STORE_NOT_FOUND} and the other codes of a storage
 */
export async function digestStored(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  signal?: AbortSignal,
): Promise<StoredFile> {
  const { bytes } = await storage.stat(location, signal);
  const hash = createHash("sha256");
  for (let start = 0; start < bytes; start += PIECE_BYTES) {
    hash.update(await storage.read(location, start, Math.min(start + PIECE_BYTES, bytes), signal));
  }
  signal?.throwIfAborted();
  return { bytes, sha256: hash.digest("hex") };
}
