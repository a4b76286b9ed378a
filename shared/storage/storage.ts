import type { Digest } from "../core/digest.ts";
import type { ShardmillError } from "../core/errors.ts";
import type { FileStat, Location } from "../domain/location.ts";

/** What a storage is able to do. Calling what it cannot do is a fault in the program. */
export interface Capabilities {
  /** `put`: else it is only read, and can nothing of what follows but `list`. */
  readonly put: boolean;
  /** `rename`: files and whole folders, in one step. */
  readonly rename: boolean;
  /** `link`: a second name for the bytes of a file. */
  readonly link: boolean;
  /** `put` with `ifAbsent`: of many that put at once, one wins. */
  readonly putIfAbsent: boolean;
  /** What `rename`, `link`, `copy` and `remove` did outlives a power cut only after `sync`; else at once. */
  readonly sync: boolean;
  /** `list`, `remove` and `copy`. */
  readonly list: boolean;
  /** `read` looks at the version that is expected, at no cost; else it reads what is there. */
  readonly versions: boolean;
}

export type PlaceKind = "file" | "folder" | "other";

/** One name in a folder. */
export interface Entry {
  /** As part of a location. */
  readonly name: string;
  /** A link is not followed: `kindAt` and `real` do that. */
  readonly kind: PlaceKind | "link";
  /** Where listing tells it at no further cost. */
  readonly stat: FileStat | null;
  /** Not null for what cannot be named by a location, and so not be opened. */
  readonly unnameable: Unnameable | null;
}

/** A name that no location can have. */
export interface Unnameable {
  /** How to show it to people. */
  readonly shown: string;
  /** What is wrong with it. */
  readonly why: string;
}

/** What is put: so many bytes. */
export interface PutSource {
  readonly bytes: number;
  /** From the first on. A storage that has to send them again asks again. */
  chunks(): AsyncIterable<Uint8Array>;
}

export interface PutOptions {
  /**
   * Never replaces: STORE_EXISTS when a file with other bytes is there. One with the same bytes is as good as
   * put: it may be our own, whose answer was lost. Left out: what is there is replaced, in one step.
   */
  readonly ifAbsent?: boolean;
  /**
   * With `ifAbsent`, where only this process gives the name: then readers never find an empty file under it,
   * even where the disk has no hard links.
   */
  readonly alone?: boolean;
  /** In hex, of the bytes: they are refused when theirs is another. */
  readonly sha256?: Digest;
  /**
   * A folder above, which must be there already where a storage has folders: what was removed with a job is
   * not made anew. Left out: all that are missing are made.
   */
  readonly within?: Location;
  readonly signal: AbortSignal;
}

/** What was put. */
export interface StoredFile {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: Digest;
}

/**
 * What a storage tells of a file that it keeps, as it has made sure of it itself: then nobody has to read it.
 */
export interface StoredChecksums {
  /** Null where it has none of the file as a whole. */
  of(location: Location, signal: AbortSignal): Promise<StoredFile | null>;
  /**
   * Whether that may be believed: other bytes than those that a sha256 was given with are refused, and what
   * was given is told. Tried with a small file below `folder`, which is removed.
   */
  areEarned(folder: Location, signal: AbortSignal): Promise<boolean>;
}

/**
 * The one door for bytes: input, models, partials, output. One contract suite
 * (`test/contract/storage-contract.ts`) runs against every implementation.
 *
 * Every call rejects with a {@link ShardmillError}: STORE_NOT_FOUND, STORE_EXISTS, STORE_CHANGED,
 * STORE_REFUSED, STORE_FAILED; with the signal's reason once it aborts. A call may be repeated.
 *
 * Where there are folders they are made as needed; where there are none, one is there while there is a file
 * below it.
 */
export interface Storage extends AsyncDisposable {
  readonly can: Capabilities;
  /** Left out: it has none. */
  readonly checksums?: StoredChecksums;

  /**
   * In which store a location is, as an address without secrets: what one location is may be two things, by
   * endpoint or account. Left out: a location says all.
   */
  storeOf?(location: Location): Promise<string>;

  /** What is there, links followed; null for nothing. */
  kindAt(location: Location, signal: AbortSignal): Promise<PlaceKind | null>;

  /** Of a file. A folder is STORE_FAILED. */
  stat(location: Location, signal: AbortSignal): Promise<FileStat>;

  /** The location without links: two that lead to one file have the same. Rejects when nothing is there. */
  real(location: Location, signal: AbortSignal): Promise<Location>;

  /**
   * The names in a folder, in no order, page by page; with a prefix, those that begin with it.
   * STORE_NOT_FOUND where there is no such folder.
   */
  list(
    folder: Location,
    options: { readonly prefix?: string; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Entry[]>;

  /**
   * Bytes `[start, end)`, all of one version; the caller owns the buffer. STORE_FAILED when the file is
   * shorter; STORE_CHANGED when it has another version than expected, where `can.versions`.
   */
  read(
    location: Location,
    start: number,
    end: number,
    options: { readonly version?: FileStat["version"] | undefined; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;

  /** Stores a whole file, durably, or nothing. */
  put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile>;

  /**
   * A file or folder gets another name. A file that is there is replaced; a folder that is not empty, never.
   */
  rename(from: Location, to: Location): Promise<void>;

  /**
   * A file gets a second name, which must be free (STORE_EXISTS), in one step; where the disk has no links,
   * its copy gets it.
   */
  link(from: Location, to: Location): Promise<void>;

  /**
   * A file's bytes get a second name without passing through here if that can be; what is there is replaced.
   */
  copy(from: Location, to: Location, signal: AbortSignal): Promise<void>;

  /** Makes the bytes of a file, or the names in a folder, outlive a power cut. */
  sync(location: Location): Promise<void>;

  /**
   * Gives up what was begun to be put below a folder and never ended, whoever began it: where parts of files
   * are kept, and paid for, no listing shows them. A put that is under way begins again. Left out: nothing
   * of the kind is kept, or the storage itself lets it go.
   */
  removeUploads?(folder: Location, signal: AbortSignal): Promise<void>;

  /** Removes a file, or a folder with all that is below it, if it is there. */
  remove(location: Location, signal: AbortSignal): Promise<void>;
}

/** One file as a source of byte ranges: what dataset readers take. */
export interface ByteSource {
  /** Named in errors. */
  readonly path: string;
  readonly bytes: number;
  read(start: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** @param version what is read must have, as far as the storage looks at that; left out: any */
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
