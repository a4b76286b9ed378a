import type { Digest } from "../core/digest.ts";
import type { ShardmillError } from "../core/errors.ts";
import type { FileStat, Location, TimedStat } from "../domain/location.ts";

/** Capabilities of a storage. Calling an unsupported operation is a fault in the program. */
export interface Capabilities {
  /** True when the storage supports `put`. False: read-only, and of the following only `list` is possible. */
  readonly put: boolean;
  /** True when it renames files and whole folders, in one step. */
  readonly rename: boolean;
  /** True when it can give a file's bytes a second name. */
  readonly link: boolean;
  /** True when it supports `put` with `ifAbsent`: one of concurrent puts wins. */
  readonly putIfAbsent: boolean;
  /** True when changes by `rename`, `link`, `copy` and `remove` need `sync` to survive a power cut. */
  readonly sync: boolean;
  /** True when it supports `list`, `remove` and `copy`. */
  readonly list: boolean;
  /** True when `read` checks the expected version, at no cost. False: reads the current file. */
  readonly versions: boolean;
}

export type PlaceKind = "file" | "folder" | "other";

export interface Entry {
  /** Name as part of a location. */
  readonly name: string;
  /** Kind of the entry. Links are not followed: use `kindAt` and `real`. */
  readonly kind: PlaceKind | "link";
  /** Status of the file, if the listing includes it at no further cost. */
  readonly stat: TimedStat | null;
  /** Reason why no location can name the entry, so it cannot be opened. Null: a location can. */
  readonly unnameable: Unnameable | null;
}

export interface Unnameable {
  /** Name as it is shown to people. */
  readonly shown: string;
  /** Fault of the name. */
  readonly why: string;
}

/** Source of a put, of known size. */
export interface PutSource {
  readonly bytes: number;
  /** Yields the chunks from the first one on. A storage that sends them again calls it again. */
  chunks(): AsyncIterable<Uint8Array>;
}

export interface PutOptions {
  /**
   * Never replaces: STORE_EXISTS when a file with other bytes exists. A file with the same bytes counts as
   * put: it may be our own, whose reply was lost. Default: replaces an existing file, in one step.
   */
  readonly ifAbsent?: boolean;
  /**
   * True, with `ifAbsent`, when only this process gives the name. Readers then never find an empty file under
   * it, even on disks without hard links.
   */
  readonly alone?: boolean;
  /** Expected sha256, in hex. Other bytes are refused. */
  readonly sha256?: Digest;
  /**
   * Parent folder that must exist in storages with folders, so that removed folders of a job are not made
   * again. Default: makes all missing folders.
   */
  readonly within?: Location;
  readonly signal: AbortSignal;
}

/** Options of a read. */
interface RangeOptions {
  /** Version that the bytes must have, if the storage checks it. Default: any. */
  readonly version?: FileStat["version"] | undefined;
  /** Returns memory of this size for the bytes. Storages may use their own instead. Default: new memory. */
  readonly allocate?: ((bytes: number) => Uint8Array) | undefined;
  readonly signal: AbortSignal;
}

/** File that was put. */
export interface StoredFile {
  readonly bytes: number;
  /** Sha256 in hex. */
  readonly sha256: Digest;
}

/** Checksums that a storage itself verified, so that its files need not be read. */
export interface StoredChecksums {
  /** Returns the file's size and digest. Null: the storage has no digest of the whole file. */
  of(location: Location, signal: AbortSignal): Promise<StoredFile | null>;
  /**
   * Checks whether the checksums are reliable: the storage refuses bytes with another sha256, and returns the
   * given one. Tries it with a small file below `folder`, which is then removed.
   */
  areEarned(folder: Location, signal: AbortSignal): Promise<boolean>;
}

/**
 * Access to all bytes: input, models, partials, output. One contract suite
 * (`test/contract/storage-contract.ts`) runs against every implementation.
 *
 * Every call rejects with a {@link ShardmillError}: STORE_NOT_FOUND, STORE_EXISTS, STORE_CHANGED,
 * STORE_REFUSED, STORE_FAILED. It rejects with the signal's reason once that aborts. A call may be repeated.
 *
 * Storages with folders make them as needed. In storages without folders, one exists while a file is below
 * it.
 */
export interface Storage extends AsyncDisposable {
  readonly can: Capabilities;
  /** Verified checksums. Default: none. */
  readonly checksums?: StoredChecksums;

  /**
   * Returns the store of a location, as an address without secrets. Endpoint or account may give one location
   * two meanings. Default: the location alone identifies it.
   */
  storeOf?(location: Location): Promise<string>;

  /** Returns the kind of a location, following links. Null: nothing exists there. */
  kindAt(location: Location, signal: AbortSignal): Promise<PlaceKind | null>;

  /** Returns the status of a file. Rejects with STORE_FAILED for a folder. */
  stat(location: Location, signal: AbortSignal): Promise<TimedStat>;

  /** Returns the location without links: two paths to one file have the same. Rejects when nothing exists. */
  real(location: Location, signal: AbortSignal): Promise<Location>;

  /**
   * Lists the names in a folder, in no order, page by page. With a prefix, only the names that begin with it.
   * Rejects with STORE_NOT_FOUND when the folder does not exist.
   */
  list(
    folder: Location,
    options: { readonly prefix?: string; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Entry[]>;

  /**
   * Reads bytes `[start, end)`, all of one version. The caller owns the buffer. Rejects with STORE_FAILED
   * when the file is shorter. Rejects with STORE_CHANGED for another version than expected, if
   * `can.versions`.
   */
  read(location: Location, start: number, end: number, options: RangeOptions): Promise<Uint8Array>;

  /** Stores a whole file durably, or nothing. */
  put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile>;

  /** Renames a file or folder. Replaces an existing file, but never a folder that is not empty. */
  rename(from: Location, to: Location): Promise<void>;

  /**
   * Gives a file a second name in one step. The name must be free (STORE_EXISTS). On disks without links, a
   * copy gets the name.
   */
  link(from: Location, to: Location): Promise<void>;

  /** Copies a file within the storage, if possible without reading it here. Replaces an existing file. */
  copy(from: Location, to: Location, signal: AbortSignal): Promise<void>;

  /** Makes a file's bytes, or a folder's names, survive a power cut. */
  sync(location: Location): Promise<void>;

  /**
   * Aborts unfinished uploads below a folder, of any process. Storages keep and charge for such parts without
   * listing them. A running put starts again. Default: no parts are kept, or the storage itself removes them.
   */
  removeUploads?(folder: Location, signal: AbortSignal): Promise<void>;

  /** Removes a file, or a folder with its content, if it exists. */
  remove(location: Location, signal: AbortSignal): Promise<void>;
}

/** File as a source of byte ranges, for dataset readers. */
export interface ByteSource {
  /** Path for error messages. */
  readonly path: string;
  readonly bytes: number;
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** @param version version that the bytes must have, if the storage checks it. Default: any. */
export function byteSource(
  storage: Pick<Storage, "read">,
  location: Location,
  bytes: number,
  version?: FileStat["version"],
): ByteSource {
  return {
    path: location,
    bytes,
    read: (start, end, signal) => storage.read(location, start, end, { version, signal }),
  };
}
