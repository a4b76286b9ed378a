import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { type PartialManifest, parsePartialFolder, partialFolder } from "../../shared/domain/partial.ts";
import type { PartialRules } from "../../shared/domain/partial-layout.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { BEACON_NAME } from "./beacon.ts";
import type { CheckPlace } from "./check-partial.ts";
import type { OpenChecker } from "./check-partials.ts";
import { PartialChecker } from "./partial-checker.ts";

/**
 * The partials of one job: one folder each, below the job's partials folder. Nobody else deletes
 * there.
 */
export interface PartialStore extends AsyncDisposable {
  /**
   * Makes sure that a partial is there, whole, and durable: the manifest agrees with itself and the job; the
   * folder has exactly its files; bytes, sha256 and the row counts in the files' own footers are right; files
   * and folders are synced.
   *
   * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found; {STORE_FAILED}
   * {STORE_REFUSED} when a storage off this machine cannot be asked: later it may be
   */
  verifyPartial(partial: PartialManifest, signal: AbortSignal): Promise<void>;
  /** Deletes a partial that lost, if it is there. */
  discardPartial(partial: PartialManifest): Promise<void>;
  /**
   * Deletes whatever is neither the beacon nor one of `keep`: lost partials, what broken uploads left. What
   * was made for a later generation stays: a coordinator that was replaced may still be at it.
   *
   * @returns how many entries went
   */
  sweep(keep: readonly PartialManifest[], generation: number): Promise<number>;
}

/** What the store works with; the checkers that it opens are disposed of with it. */
export interface PartialStoreSeams extends Pick<CheckPlace, "isBelieved" | "stores"> {
  readonly storage: Storage;
  readonly openChecker: OpenChecker;
}

export function createPartialStore(
  partials: Location,
  shape: PartialRules,
  { storage, openChecker, ...rest }: PartialStoreSeams,
): PartialStore {
  const place = { partials, shape, ...rest };
  const checker = new PartialChecker({ openChecker: () => openChecker(place) });
  const discard = (name: string) => storage.remove(below(partials, name), NEVER);
  return {
    verifyPartial: (partial, signal) => checker.check(partial, signal),
    async discardPartial(partial) {
      checkFolderName(partialFolder(partial));
      await discard(partialFolder(partial));
    },
    async sweep(keep, generation) {
      const kept = new Set([BEACON_NAME, ...keep.map(partialFolder)]);
      const isLater = (name: string) => (parsePartialFolder(name)?.token.generation ?? 0) > generation;
      const others: string[] = [];
      for await (const page of storage.list(partials, { signal: NEVER }))
        for (const { name } of page) if (!kept.has(name) && !isLater(name)) others.push(name);
      for (const name of others) await discard(name);
      await storage.removeUploads?.(partials, NEVER);
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
