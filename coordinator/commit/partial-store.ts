import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import type { PartialShape } from "../../shared/domain/partial-layout.ts";
import { BEACON_NAME } from "./beacon.ts";
import type { OpenSeat } from "./check-seat.ts";
import { PartialChecker } from "./partial-checker.ts";
import { ThreadSeat } from "./thread-seat.ts";

/**
 * The partials of one job on disk: one folder each, below the job's partials folder. Nobody else deletes
 * there.
 */
export interface PartialStore extends AsyncDisposable {
  /**
   * Makes sure that a partial is there, whole, and durable: the manifest agrees with itself and the job; the
   * folder has exactly its files; bytes, sha256 and the row counts in the files' own footers are right; files
   * and folders are synced.
   *
   * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found
   */
  verifyPartial(partial: PartialManifest, signal: AbortSignal): Promise<void>;
  /** Deletes a partial that lost, if it is there. */
  discardPartial(partial: PartialManifest): Promise<void>;
  /**
   * Deletes whatever is neither the beacon nor one of `keep`: lost partials, temporary files of broken
   * uploads.
   *
   * @returns how many entries went
   */
  sweep(keep: readonly PartialManifest[]): Promise<number>;
}

/** What the store works with; the seats that it opens are disposed of with it. */
export interface PartialStoreSeams {
  readonly disk: Disk;
  readonly openSeat: OpenSeat;
}

export function createPartialStore(
  partialsPath: string,
  shape: PartialShape,
  { disk, openSeat }: PartialStoreSeams = { disk: realDisk, openSeat: (place) => new ThreadSeat(place) },
): PartialStore {
  const checker = new PartialChecker({ openSeat: () => openSeat({ partialsPath, shape }) });
  const discard = (name: string) => disk.remove(join(partialsPath, name));
  return {
    verifyPartial: (partial, signal) => checker.check(partial, signal),
    async discardPartial(partial) {
      checkFolderName(partialFolder(partial));
      await discard(partialFolder(partial));
    },
    async sweep(keep) {
      await makeFolders(partialsPath, disk);
      const kept = new Set([BEACON_NAME, ...keep.map(partialFolder)]);
      const others = (await disk.readdir(partialsPath)).filter((name) => !kept.has(name));
      for (const name of others) await discard(name);
      return others.length;
    },
    [Symbol.asyncDispose]: () => checker[Symbol.asyncDispose](),
  };
}

/** An id with a slash in it would delete elsewhere. */
function checkFolderName(name: string): void {
  if (!/^[\w.-]+$/.test(name))
    throw new Error(`broken invariant: a partial's folder named ${JSON.stringify(name)}`);
}
