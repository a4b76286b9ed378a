import type { Disk, ReadableFile } from "../core/disk.ts";

/**
 * Limit of files held open between reads. A shard thread reads two files. A coordinator that serves ranges
 * reads some dozens.
 */
const OPEN_FILES = 32;

interface Entry {
  readonly handle: Promise<ReadableFile>;
  users: number;
  /** True when used since the last check for idle files. */
  isFresh: boolean;
  /** True when dropped from the pool: the last user closes it. */
  isRetired: boolean;
}

/** Small pool of open files. Closes the least recently used first. */
export class LocalHandles implements AsyncDisposable {
  /** Entries in the order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #disk: Pick<Disk, "open">;
  readonly #idleMs: number | null;
  #timer: NodeJS.Timeout | null = null;

  /** @param idleMs idle time after which files are closed. Null: closes only above the limit of files. */
  constructor(disk: Pick<Disk, "open">, idleMs: number | null = null) {
    this.#disk = disk;
    this.#idleMs = idleMs;
  }

  /** Runs `action` on the file, which stays open meanwhile. */
  async use<T>(path: string, action: (handle: ReadableFile) => Promise<T>): Promise<T> {
    const entry = this.#take(path);
    try {
      return await action(await entry.handle);
    } catch (error) {
      // After a failure the next read reopens the file: it may have been replaced.
      if (this.#entries.get(path) === entry) this.#entries.delete(path);
      entry.isRetired = true;
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.isRetired && entry.users === 0) await close(entry);
    }
  }

  /** Drops the file and all files below it, before they change. */
  forget(path: string): void {
    const folder = `${path}/`;
    for (const [open, entry] of this.#entries) {
      if (open === path || open.startsWith(folder)) this.#retire(open, entry);
    }
  }

  #take(path: string): Entry {
    const held = this.#entries.get(path);
    const entry = held ?? { handle: this.#disk.open(path, "r"), users: 0, isFresh: true, isRetired: false };
    entry.users += 1;
    entry.isFresh = true;
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    if (held === undefined) this.#trim();
    this.#watchIdle();
    return entry;
  }

  #trim(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= OPEN_FILES) return;
      this.#retire(path, entry);
    }
  }

  #watchIdle(): void {
    if (this.#idleMs === null || this.#timer !== null || this.#entries.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      for (const [path, entry] of this.#entries) {
        if (entry.users === 0 && !entry.isFresh) this.#retire(path, entry);
        entry.isFresh = false;
      }
      this.#watchIdle();
    }, this.#idleMs).unref();
  }

  #retire(path: string, entry: Entry): void {
    this.#entries.delete(path);
    entry.isRetired = true;
    if (entry.users === 0) void close(entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const entries = [...this.#entries];
    this.#entries.clear();
    for (const [, entry] of entries) entry.isRetired = true;
    await Promise.all(entries.filter(([, { users }]) => users === 0).map(([, entry]) => close(entry)));
  }
}

async function close(entry: Entry): Promise<void> {
  // A file that failed to open needs no close, and closing a read file loses no data.
  await entry.handle.then((handle) => handle.close()).catch(() => {});
}
