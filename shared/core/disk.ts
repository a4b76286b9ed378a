import { type BigIntStats, constants, type Dirent, type Stats } from "node:fs";
import {
  copyFile,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from "node:fs/promises";

/**
 * The file operations that durability rests on: those of `node:fs/promises`, and no more of them than are
 * used. Injected, so that a simulator can tear, lose and fail them, and a test can kill the process between
 * any two.
 *
 * Every call rejects with the file system's error, whose `code` is ENOENT, EEXIST, ENOSPC, EIO, ...
 */
export interface Disk {
  open(path: string, flags: OpenFlags): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  /** The bytes of a file in order, in bounded memory. */
  readChunks(path: string): AsyncIterable<Uint8Array>;
  /** The names in a folder, in no order. */
  readdir(path: string): Promise<string[]>;
  /** The same with what each name stands for. */
  entries(path: string): Promise<readonly DiskEntry[]>;
  lstat(path: string): Promise<DiskStat>;
  /** Of what links lead to. */
  stat(path: string): Promise<DiskVersion>;
  /** The path without links. */
  realpath(path: string): Promise<string>;
  /** Makes one folder; EEXIST when the name is taken. */
  mkdir(path: string): Promise<void>;
  /** Another name for a file; EEXIST when it is taken. */
  link(from: string, to: string): Promise<void>;
  /** In one step; a file that is there is replaced, and so is an empty folder. */
  rename(from: string, to: string): Promise<void>;
  /** A new file of the same bytes; EEXIST when the name is taken. */
  copyFile(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes an empty folder. */
  rmdir(path: string): Promise<void>;
  /** Removes a file or folder with all that is in it, if it is there. */
  remove(path: string): Promise<void>;
}

/** `w` makes the file anew, `wx` makes it where there is none. */
export type OpenFlags = "r" | "w" | "wx";

/** What a check does with a disk: it looks, reads and syncs, and changes nothing. */
export interface ReadableDisk extends Pick<Disk, "readdir" | "lstat"> {
  open(path: string, flags: "r"): Promise<ReadableFile>;
}

/** An open file, or (with `r`) a folder that is to be synced. */
export interface ReadableFile {
  /** Fills `bytes` from the place `at` on; how many there were, fewer only at the file's end. */
  readInto(bytes: Uint8Array, at: number): Promise<number>;
  /** Resolves when everything written is on the disk; for a folder: its names. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskFile extends ReadableFile {
  /** Writes all of `bytes` behind what was written through this file before. */
  write(bytes: Uint8Array): Promise<void>;
  /** As `sync`, but for what no reader needs, such as times. */
  datasync(): Promise<void>;
}

export interface DiskStat {
  readonly kind: "file" | "folder" | "link" | "other";
  readonly size: number;
}

export interface DiskEntry {
  readonly name: string;
  readonly kind: DiskStat["kind"];
}

export interface DiskVersion extends DiskStat {
  /** The time of the last change, as text: only to be compared. */
  readonly version: string;
}

export function kindOfFile(stats: Stats | BigIntStats | Dirent): DiskStat["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}

/** A writer that does not know yet that it lost may add to a folder while that is removed. */
const REMOVE_RETRIES = 3;

export const realDisk: Disk = {
  open: async (path, flags) => new RealFile(await open(path, flags)),
  readFile: (path) => readFile(path),
  readChunks,
  readdir: (path) => readdir(path),
  async entries(path) {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, kind: kindOfFile(entry) }));
  },
  async stat(path) {
    return versionOf(await stat(path, { bigint: true }));
  },
  realpath: (path) => realpath(path),
  async lstat(path) {
    const stats = await lstat(path);
    return { kind: kindOfFile(stats), size: stats.size };
  },
  mkdir: (path) => mkdir(path),
  link: (from, to) => link(from, to),
  rename: (from, to) => rename(from, to),
  copyFile: (from, to) => copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE),
  unlink: (path) => unlink(path),
  rmdir: (path) => rmdir(path),
  remove: (path) => rm(path, { recursive: true, force: true, maxRetries: REMOVE_RETRIES }),
};

export function versionOf(stats: BigIntStats): DiskVersion {
  return { kind: kindOfFile(stats), size: Number(stats.size), version: timeText(stats.mtimeNs) };
}

const NS_PER_MS = 1_000_000n;

/** `2026-01-31T12:00:00.123+456789`: milliseconds, and the nanoseconds beyond them. */
function timeText(ns: bigint): string {
  const time = new Date(Number(ns / NS_PER_MS));
  // A file may have a time that no calendar has.
  if (Number.isNaN(time.getTime())) return `${ns}`;
  return `${time.toISOString()}+${ns % NS_PER_MS}`;
}

/** Large files are read so much at a time: less costs calls, more only memory. */
const CHUNK_BYTES = 1 << 20;

/** A small file takes a buffer of its size: most partials are small, and there are hundreds of thousands. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    // One byte more than there should be: a file that grew is seen to have grown.
    const chunkBytes = Math.min(CHUNK_BYTES, size + 1);
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Node 20 ends the process, with a failed assertion, where one read is of 2 GiB or more. */
const MOST_READ_BYTES = 1 << 30;

class RealFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async readInto(bytes: Uint8Array, at: number): Promise<number> {
    let filled = 0;
    while (filled < bytes.length) {
      const left = Math.min(bytes.length - filled, MOST_READ_BYTES);
      const { bytesRead } = await this.#handle.read(bytes, filled, left, at + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  /** `FileHandle.write` may take less than it is given. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at);
      at += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
