import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
  writeSync,
} from "node:fs";
import { type Disk, type DiskFile, kindOfFile, realDisk, versionOf } from "../../shared/core/disk.ts";

/**
 * A disk whose reading calls block their thread, for a thread without other work. A small file costs
 * microseconds this way, and ten times as much through promises and the thread pool.
 */
export const blockingDisk: Disk = {
  ...realDisk,
  stat: async (path) => versionOf(statSync(path, { bigint: true })),
  realpath: async (path) => realpathSync.native(path),
  entries: async (path) =>
    readdirSync(path, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      kind: kindOfFile(entry),
    })),
  open: async (path, flags) =>
    flags === "r" ? new BlockingFile(openSync(path, flags)) : await realDisk.open(path, flags),
};

class BlockingFile implements DiskFile {
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

  datasync(): Promise<void> {
    return this.sync();
  }

  /** Fails with the system's error: the file is open for reading. */
  async write(bytes: Uint8Array): Promise<void> {
    writeSync(this.#descriptor, bytes);
  }
}
