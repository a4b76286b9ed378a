import { sha256 } from "../core/digest.ts";
import { ShardmillError } from "../core/errors.ts";
import type { FileStat, Location } from "../domain/location.ts";
import { cannot, checkRange, notAFile, occupied, tooShort } from "./errors.ts";
import { drain } from "./put-source.ts";
import type {
  Capabilities,
  Entry,
  PlaceKind,
  PutOptions,
  PutSource,
  Storage,
  StoredFile,
} from "./storage.ts";

interface StoredBytes {
  readonly bytes: Uint8Array;
  readonly version: string;
}

/** Call that is about to run. */
export interface StorageCall {
  readonly call: "stat" | "list" | "read" | "put" | "copy" | "remove";
  readonly location: Location;
}

interface MemoryStorageOptions {
  /** Called before each call takes effect. May wait or fail. */
  readonly before?: (call: StorageCall) => Promise<void>;
}

const PAGE_NAMES = 1_000;

/**
 * Bucket in memory: files by whole names, without folders, renames and links. Puts are visible at once, and
 * one of concurrent puts with `ifAbsent` wins. For tests and the simulator. Files stay as long as the storage
 * exists.
 */
export class MemoryStorage implements Storage {
  readonly can: Capabilities = {
    put: true,
    rename: false,
    link: false,
    putIfAbsent: true,
    sync: false,
    list: true,
    versions: true,
  };
  readonly #before: (call: StorageCall) => Promise<void>;
  readonly #files = new Map<Location, StoredBytes>();
  #versions = 0;

  constructor({ before = async () => {} }: MemoryStorageOptions = {}) {
    this.#before = before;
  }

  async kindAt(location: Location, signal: AbortSignal): Promise<PlaceKind | null> {
    await this.#begin({ call: "stat", location }, signal);
    if (this.#files.has(location)) return "file";
    return this.#isFolder(location) ? "folder" : null;
  }

  async stat(location: Location, signal: AbortSignal): Promise<FileStat> {
    await this.#begin({ call: "stat", location }, signal);
    const { bytes, version } = this.#file(location);
    return { bytes: bytes.length, version };
  }

  async real(location: Location, signal: AbortSignal): Promise<Location> {
    await this.#begin({ call: "stat", location }, signal);
    if (!this.#files.has(location) && !this.#isFolder(location)) throw notFound(location);
    return location;
  }

  async *list(
    folder: Location,
    { prefix = "", signal }: { readonly prefix?: string; readonly signal: AbortSignal },
  ): AsyncGenerator<readonly Entry[]> {
    await this.#begin({ call: "list", location: folder }, signal);
    if (!this.#isFolder(folder)) throw notFound(folder);
    const entries = this.#entriesOf(folder).filter(({ name }) => name.startsWith(prefix));
    for (let at = 0; at < entries.length; at += PAGE_NAMES) {
      signal.throwIfAborted();
      yield entries.slice(at, at + PAGE_NAMES);
    }
  }

  async read(
    location: Location,
    start: number,
    end: number,
    { version, signal }: { readonly version?: string | undefined; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    checkRange(location, start, end);
    await this.#begin({ call: "read", location }, signal);
    const { bytes, version: found } = this.#file(location);
    if (version !== undefined && version !== found) throw anotherVersion(location, version, found);
    if (end > bytes.length) throw tooShort(location, end, bytes.length);
    return Uint8Array.from(bytes.subarray(start, end));
  }

  async put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile> {
    await this.#begin({ call: "put", location }, options.signal);
    const chunks: Uint8Array[] = [];
    const stored = await drain(location, source, options, async (chunk) => {
      chunks.push(Uint8Array.from(chunk));
    });
    const there = this.#files.get(location);
    if (options.ifAbsent === true && there !== undefined) {
      if (sha256(there.bytes) !== stored.sha256) throw occupied(location, there.bytes.length);
      return stored;
    }
    this.#set(location, new Uint8Array(Buffer.concat(chunks)));
    return stored;
  }

  async rename(): Promise<void> {
    throw cannot("a bucket", "rename");
  }

  async link(): Promise<void> {
    throw cannot("a bucket", "link");
  }

  async copy(from: Location, to: Location, signal: AbortSignal): Promise<void> {
    await this.#begin({ call: "copy", location: to }, signal);
    this.#set(to, this.#file(from).bytes);
  }

  async sync(): Promise<void> {}

  async remove(location: Location, signal: AbortSignal): Promise<void> {
    await this.#begin({ call: "remove", location }, signal);
    for (const name of [...this.#files.keys()]) {
      if (name === location || name.startsWith(`${location}/`)) this.#files.delete(name);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #begin(call: StorageCall, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#before(call);
  }

  #set(location: Location, bytes: Uint8Array): void {
    this.#versions += 1;
    this.#files.set(location, { bytes, version: `v${this.#versions}` });
  }

  #file(location: Location): StoredBytes {
    const file = this.#files.get(location);
    if (file !== undefined) return file;
    throw this.#isFolder(location) ? notAFile(location, "folder") : notFound(location);
  }

  #isFolder(location: Location): boolean {
    const start = folderPrefix(location);
    for (const name of this.#files.keys()) if (name.startsWith(start)) return true;
    return false;
  }

  #entriesOf(folder: Location): Entry[] {
    const start = folderPrefix(folder);
    const entries = new Map<string, Entry>();
    for (const [location, { bytes, version }] of this.#files) {
      if (!location.startsWith(start)) continue;
      const [name = "", ...deeper] = location.slice(start.length).split("/");
      const isFile = deeper.length === 0;
      entries.set(`${name}${isFile ? "" : "/"}`, {
        name,
        kind: isFile ? "file" : "folder",
        stat: isFile ? { bytes: bytes.length, version } : null,
        unnameable: null,
      });
    }
    return [...entries.values()];
  }
}

function folderPrefix(location: Location): string {
  return location.endsWith("/") ? location : `${location}/`;
}

function anotherVersion(path: Location, expected: string, found: string): ShardmillError {
  return new ShardmillError("STORE_CHANGED", `${path} has changed`, {
    fields: { path, expected, found },
  });
}

function notFound(location: Location): ShardmillError {
  return new ShardmillError("STORE_NOT_FOUND", `there is no ${location}`, { fields: { path: location } });
}
