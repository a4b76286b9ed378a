import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { type PartialManifest, parsePartialFolder, partialFolder } from "../../shared/domain/partial.ts";
import type { PartialRules } from "../../shared/domain/partial-layout.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { BEACON_NAME } from "./beacon.ts";
import type { CheckPlace } from "./check-partial.ts";
import type { OpenChecker } from "./check-partials.ts";
import { PartialChecker } from "./partial-checker.ts";

/** Partials of one job: one folder each, below the job's partials folder. Only this store deletes there. */
export interface PartialStore extends AsyncDisposable {
  /**
   * Checks that a partial is whole, and makes it durable, see `checkPartial`.
   *
   * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found
   * @throws {STORE_FAILED} {STORE_REFUSED} when a storage off this machine fails, which may pass
   */
  verifyPartial(partial: PartialManifest, signal: AbortSignal): Promise<void>;
  /** Deletes a partial that was not committed, if it exists. */
  discardPartial(partial: PartialManifest): Promise<void>;
  /**
   * Deletes all entries but the beacon and `keep`: uncommitted partials and broken uploads. Partials of a
   * later generation stay: this coordinator may have been replaced by the one that needs them.
   *
   * @returns number of deleted entries
   */
  sweep(keep: readonly PartialManifest[], generation: number): Promise<number>;
}

/** Tools of the store. The store closes the checkers that it opens. */
export interface PartialStoreSeams extends Pick<CheckPlace, "isTrusted" | "stores"> {
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

/** Checks a folder's name: a slash in an id would delete elsewhere. */
function checkFolderName(name: string): void {
  if (!/^[\w.-]+$/.test(name))
    throw new Error(`broken invariant: a partial's folder named ${JSON.stringify(name)}`);
}
