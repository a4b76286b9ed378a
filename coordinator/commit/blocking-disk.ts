import { closeSync, fsyncSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { kindOfFile, type ReadableDisk, type ReadableFile } from "../../shared/core/disk.ts";

/**
 * A disk whose calls block their thread, and are done when they return: for a thread that has nothing else to
 * do. A small file costs microseconds so, and ten times as much through promises and the thread pool.
 */
export const blockingDisk: ReadableDisk = {
  async lstat(path) {
    const stats = lstatSync(path);
    return { kind: kindOfFile(stats), size: stats.size };
  },
  readdir: async (path) => readdirSync(path),
  open: async (path, flags) => new BlockingFile(openSync(path, flags)),
};

class BlockingFile implements ReadableFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async readInto(bytes: Uint8Array, at: number): Promise<number> {
    let filled = 0;
    while (filled < bytes.length) {
      const found = readSync(this.#descriptor, bytes, filled, bytes.length - filled, at + filled);
      if (found === 0) break;
      filled += found;
    }
    return filled;
  }

  async sync(): Promise<void> {
    fsyncSync(this.#descriptor);
  }

  async close(): Promise<void> {
    closeSync(this.#descriptor);
  }
}
