import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** One storage to try, and what it holds. */
export interface StorageUnderTest {
  readonly storage: Storage;
  /** A file that is there, of at least 1,000 bytes, and in its folder nothing else. */
  readonly existing: { readonly location: Location; readonly bytes: Uint8Array };
  /**
   * A location where nothing is and where a file may be put, in a folder of its own; each call gives another.
   */
  free(): Location;
  /** A place that may not be read nor written; null when this storage has none. */
  readonly forbidden: Location | null;
  /** A character that no name can have there, and that is refused. */
  readonly unnameable?: string;
  /** One that its server takes for another, and says nothing. */
  readonly mistaken?: string;
  /** A folder is listed there while nothing is below it. */
  readonly keepsFolders?: boolean;
  /** What is kept under a location, seen from outside. */
  bytesAt(location: Location): Promise<Uint8Array>;
  cleanup(): Promise<void>;
}

/** What was put as text. */
export function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
