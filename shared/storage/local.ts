import { type Disk, type DiskVersion, realDisk } from "../core/disk.ts";
import { errorCode } from "../core/errno.ts";
import { makeFolders } from "../core/make-folders.ts";
import { systemRandom } from "../core/random.ts";
import { syncPath } from "../core/sync-path.ts";
import { folderOf, type Location, localPathOf, type TimedStat } from "../domain/location.ts";
import { asStorageErrors, checkRange, notAFile, tooShort } from "./errors.ts";
import { LocalHandles } from "./local-handles.ts";
import { listLocal } from "./local-names.ts";
import { type LocalDisk, linkLocal, putLocal, replaceBy } from "./local-put.ts";
import type {
  Capabilities,
  Entry,
  PlaceKind,
  PutOptions,
  PutSource,
  Storage,
  StoredFile,
} from "./storage.ts";

/**
 * Makes a storage of files on this machine, mounts included. Keeps read files open, for `idleMs` without
 * reads if set. Dispose of it to close them.
 */
export function createLocalStorage(options: LocalOptions = {}): Storage {
  const { disk = realDisk, random = systemRandom, idleMs = null } = options;
  return new LocalStorage({ disk, random }, idleMs);
}

export interface LocalOptions extends Partial<LocalDisk> {
  readonly idleMs?: number | null;
}

/** Piece of a read. One read of more than 2 GiB fails on Linux, and aborts are detected between pieces. */
const PIECE_BYTES = 16 << 20;

class LocalStorage implements Storage {
  readonly can: Capabilities = {
    put: true,
    rename: true,
    link: true,
    putIfAbsent: true,
    sync: true,
    list: true,
    versions: false,
  };
  readonly #local: LocalDisk;
  readonly #disk: Disk;
  readonly #handles: LocalHandles;

  constructor(local: LocalDisk, idleMs: number | null) {
    this.#local = local;
    this.#disk = local.disk;
    this.#handles = new LocalHandles(local.disk, idleMs);
  }

  async kindAt(location: Location, signal: AbortSignal): Promise<PlaceKind | null> {
    signal.throwIfAborted();
    const path = localPathOf(location);
    const found = await asStorageErrors("stat", path, () =>
      this.#disk.stat(path).catch((error: unknown) => {
        if (isNothing(error)) return null;
        throw error;
      }),
    );
    return found === null ? null : kindOf(found);
  }

  async stat(location: Location, signal: AbortSignal): Promise<TimedStat> {
    signal.throwIfAborted();
    const path = localPathOf(location);
    // Later reads use the file that this status describes: drop an open file of the same name.
    this.#handles.forget(path);
    const found = await asStorageErrors("stat", path, () => this.#disk.stat(path));
    if (found.kind !== "file") throw notAFile(path, found.kind === "folder" ? "folder" : "other");
    return { bytes: found.size, version: found.version, modified: found.modified };
  }

  async real(location: Location, signal: AbortSignal): Promise<Location> {
    signal.throwIfAborted();
    const path = localPathOf(location);
    return (await asStorageErrors("follow", path, () => this.#disk.realpath(path))) as Location;
  }

  async *list(
    folder: Location,
    { prefix = "", signal }: { readonly prefix?: string; readonly signal: AbortSignal },
  ): AsyncGenerator<readonly Entry[]> {
    signal.throwIfAborted();
    const path = localPathOf(folder);
    const entries = await asStorageErrors("list", path, () => listLocal(path, this.#disk));
    yield prefix === "" ? entries : entries.filter(({ name }) => name.startsWith(prefix));
  }

  async read(
    location: Location,
    start: number,
    end: number,
    { allocate = newMemory, signal }: Parameters<Storage["read"]>[3],
  ): Promise<Uint8Array> {
    signal.throwIfAborted();
    const path = localPathOf(location);
    checkRange(path, start, end);
    return asStorageErrors("read", path, () =>
      this.#handles.use(path, async (handle) => {
        const bytes = allocate(end - start);
        for (let done = 0; done < bytes.length; done += PIECE_BYTES) {
          signal.throwIfAborted();
          const piece = bytes.subarray(done, done + PIECE_BYTES);
          const found = await handle.readInto(piece, start + done);
          if (found < piece.length) throw tooShort(path, end, start + done + found);
        }
        return bytes;
      }),
    );
  }

  async put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile> {
    options.signal.throwIfAborted();
    const path = localPathOf(location);
    return await this.#changing([path], () =>
      asStorageErrors("write", path, () =>
        putLocal(location, source, options, this.#local).catch((error: unknown) => {
          options.signal.throwIfAborted();
          throw error;
        }),
      ),
    );
  }

  async rename(from: Location, to: Location): Promise<void> {
    const [source, target] = [localPathOf(from), localPathOf(to)];
    await this.#changing([source, target], () =>
      this.#inFolder("rename to", to, () => this.#disk.rename(source, target)),
    );
  }

  async link(from: Location, to: Location): Promise<void> {
    await this.#inFolder("link", to, () => linkLocal(localPathOf(from), localPathOf(to), this.#local));
  }

  async copy(from: Location, to: Location, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const [source, target] = [localPathOf(from), localPathOf(to)];
    await this.#changing([target], () =>
      this.#inFolder("copy to", to, () =>
        replaceBy(target, this.#local, async (temporary) => {
          await this.#disk.copyFile(source, temporary);
          await syncPath(temporary, this.#disk);
        }),
      ),
    );
  }

  async sync(location: Location): Promise<void> {
    const path = localPathOf(location);
    await asStorageErrors("sync", path, () => syncPath(path, this.#disk));
  }

  async remove(location: Location, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const path = localPathOf(location);
    await this.#changing([path], () => asStorageErrors("remove", path, () => this.#disk.remove(path)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handles[Symbol.asyncDispose]();
  }

  /** Changes paths. Drops their open files before and after: a concurrent read may open the old file. */
  async #changing<T>(paths: readonly string[], action: () => Promise<T>): Promise<T> {
    for (const path of paths) this.#handles.forget(path);
    try {
      return await action();
    } finally {
      for (const path of paths) this.#handles.forget(path);
    }
  }

  /** Runs `action`, and makes the folder only when it is missing: mostly it exists. */
  async #inFolder(verb: string, location: Location, action: () => Promise<void>): Promise<void> {
    await asStorageErrors(verb, location, async () => {
      try {
        await action();
      } catch (error) {
        if (errorCode(error) !== "ENOENT") throw error;
        await makeFolders(folderOf(location), this.#disk);
        await action();
      }
    });
  }
}

function kindOf({ kind }: DiskVersion): PlaceKind {
  return kind === "link" ? "other" : kind;
}

function newMemory(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

function isNothing(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
