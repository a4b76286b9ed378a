import type { Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { tableCorrupt } from "./iceberg-error.ts";

/** Limit of a file of metadata, packed or not. Manifests have 8 MiB by default. */
export const MOST_BYTES = 256 << 20;

/**
 * Reads a file of a table's metadata.
 *
 * @throws {INPUT_CORRUPT} when it is too large, and the STORE_ codes
 */
export async function readWhole(
  path: Location,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<Buffer> {
  const { bytes, version } = await storage.stat(path, signal);
  const expected = `at most ${MOST_BYTES} bytes`;
  if (bytes > MOST_BYTES) throw tableCorrupt({ path, where: "size", expected, found: String(bytes) });
  return Buffer.from(await storage.read(path, 0, bytes, { version, signal }));
}
