import { test } from "vitest";
import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** One storage to test, and its contents. */
export interface StorageUnderTest {
  readonly storage: Storage;
  /** An existing file of at least 1,000 bytes, alone in its folder. */
  readonly existing: { readonly location: Location; readonly bytes: Uint8Array };
  /** Returns a free location for a file, in a folder of its own. Each call returns another. */
  free(): Location;
  /** A location that may be neither read nor written. Null: the storage has none. */
  readonly forbidden: Location | null;
  /** A character that no name may contain there, and that is refused. */
  readonly unnameable?: string;
  /** A character that its server silently takes for another. */
  readonly mistaken?: string;
  /** True when an empty folder is listed. */
  readonly keepsFolders?: boolean;
  /** True when the entries of a listing have no status, because it would cost a call for each. */
  readonly listsNoStatus?: boolean;
  /** Returns the bytes of a location, as seen from outside. */
  bytesAt(location: Location): Promise<Uint8Array>;
  cleanup(): Promise<void>;
}

/** Declares tests that are skipped, rather than passed, for a storage that cannot do what they need. */
export function testsOf(
  current: () => StorageUnderTest,
  isAble: (on: StorageUnderTest) => boolean,
): (title: string, body: (on: StorageUnderTest) => Promise<void>) => void {
  return (title, body) =>
    test(title, async (context) => {
      context.skip(!isAble(current()), "the storage denies it");
      await body(current());
    });
}

/** Returns the bytes as text. */
export function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
