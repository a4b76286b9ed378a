import { createHash } from "node:crypto";
import { join } from "node:path";
import { hashed } from "../core/digest.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import type { BucketRange } from "../domain/buckets.ts";
import type { Location } from "../domain/location.ts";
import type { TableFile } from "../domain/reduction-tasks.ts";
import { wrongDigest } from "../storage/errors.ts";
import { makeScratch } from "../storage/local-paths.ts";
import type { ScanFile } from "./merge-small-files.ts";

export interface TablePlace {
  /** Reads the bytes `[start, end)` of a table. */
  readonly read: (location: Location, start: number, end: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Existing folder of this task alone. The caller removes it. */
  readonly folder: string;
}

/** Copies at once. Each is a round trip, and most tables are small. */
const COPIES_AT_ONCE = 8;
/** Bytes of one read. */
const READ_BYTES = 8 << 20;

/**
 * Copies the tables to this machine, and checks each. The files may have rows of other buckets.
 *
 * @returns the copies, in the order of the tables
 * @throws {STORE_FAILED} when a table has other bytes
 */
export async function tableFilesHere(
  tables: readonly TableFile[],
  _range: BucketRange,
  place: TablePlace,
  signal: AbortSignal,
): Promise<readonly ScanFile[]> {
  return await mapConcurrent(tables, COPIES_AT_ONCE, async ({ location, bytes, sha256 }, index) => {
    const path = join(place.folder, `table-${index}.parquet`);
    const hash = createHash("sha256");
    await makeScratch(path, async (append) => {
      for (let at = 0; at < bytes; at += READ_BYTES) {
        const chunk = await place.read(location, at, Math.min(bytes, at + READ_BYTES), signal);
        hash.update(chunk);
        await append(chunk);
      }
    });
    const found = hashed(hash);
    if (found !== sha256) throw wrongDigest(location, sha256, found);
    return { path, bytes };
  });
}
