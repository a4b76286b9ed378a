import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath, writeDurable } from "../../shared/core/durable.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";

export const BEACON_NAME = "beacon";

/**
 * Writes a file of random content into the partials folder (made if needed): a worker that reads the same
 * content under the same path sees the coordinator's storage, and may read and write there itself. Each start
 * writes another.
 *
 * @throws {OUTPUT_FAILED}
 */
export async function writeBeacon(
  partialsPath: string,
  disk: Disk = realDisk,
  random: Random = systemRandom,
): Promise<{ path: string; content: string }> {
  const path = join(partialsPath, BEACON_NAME);
  const content = random.hex(32);
  try {
    await makeFolders(partialsPath, disk);
    await writeDurable(path, content, disk);
    await syncPath(partialsPath, disk);
  } catch (cause) {
    throw new ShardmillError(
      "OUTPUT_FAILED",
      `the partials' folder cannot be written to: ${messageOf(cause)}`,
      {
        fields: { path },
        cause,
        hint: "check that the output folder can be written to, and has room",
      },
    );
  }
  return { path, content };
}
