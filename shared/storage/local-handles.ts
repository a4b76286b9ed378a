import type { Disk, ReadableFile } from "../core/disk.ts";

/**
 * Files held open between reads. A shard thread reads two files; a coordinator that serves ranges, some
 * dozens.
 */
const OPEN_FILES = 32;

interface Entry {
  readonly handle: Promise<ReadableFile>;
  users: number;
  /** Used since the idle ones were looked for. */
  isFresh: boolean;
  /** Out of the pool: closed as soon as its last user is done. */
  isRetired: boolean;
}

/** A small pool of open files, the longest unused closed first. */
export class LocalHandles implements AsyncDisposable {
  /** In order of last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #disk: Pick<Disk, "open">;
  readonly #idleMs: number | null;
  #timer: NodeJS.Timeout | null = null;

  /** @param idleMs files that nobody reads for so long are closed; null: only when there are too many */
  constructor(disk: Pick<Disk, "open">, idleMs: number | null = null) {
    this.#disk = disk;
    this.#idleMs = idleMs;
  }

  /** Runs `action` on the file, which stays open while it does. */
  async use<T>(path: string, action: (handle: ReadableFile) => Promise<T>): Promise<T> {
    const entry = this.#take(path);
    try {
      return await action(await entry.handle);
    } catch (error) {
      // Whatever went wrong, the next read opens the file afresh: it may have been replaced.
      if (this.#entries.get(path) === entry) this.#entries.delete(path);
      entry.isRetired = true;
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.isRetired && entry.users === 0) await close(entry);
    }
  }

  /** The file, and those below it, are about to be other ones. */
  forget(path: string): void {
    for (const [open, entry] of this.#entries) {
      if (open === path || open.startsWith(`${path}/`)) this.#retire(open, entry);
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
  // A file that never opened has nothing to close, and closing a file that was only read loses nothing.
  await entry.handle.then((handle) => handle.close()).catch(() => {});
}
