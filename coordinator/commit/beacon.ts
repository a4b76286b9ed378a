import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";

export const BEACON_NAME = "beacon";

/**
 * Writes a file of random content into the partials folder, which is made if needed. A worker that reads the
 * same content there uses the coordinator's storage, and may access it directly. Each start of the
 * coordinator writes new content.
 *
 * @throws {OUTPUT_FAILED}
 */
export async function writeBeacon(
  partials: Location,
  storage: Pick<Storage, "put">,
  random: Random = systemRandom,
): Promise<{ path: Location; content: string }> {
  const path = below(partials, BEACON_NAME);
  const content = random.hex(32);
  try {
    await storage.put(path, sourceOfBytes(content), { signal: NEVER });
  } catch (cause) {
    throw new ShardmillError(
      "OUTPUT_FAILED",
      `the partials' folder cannot be written to: ${reasonOf(cause)}`,
      {
        fields: { path },
        cause,
        hint: "check that the output folder can be written to, and has room",
      },
    );
  }
  return { path, content };
}
