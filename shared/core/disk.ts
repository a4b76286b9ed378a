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
 * File operations that durability relies on: the ones of `node:fs/promises` that are used. Injected, so that
 * a simulator can tear, lose and fail them, and a test can kill the process between two.
 *
 * Every call rejects with the file system's error, whose `code` is ENOENT, EEXIST, ENOSPC, EIO, ...
 */
export interface Disk {
  open(path: string, flags: OpenFlags): Promise<DiskFile>;
  readFile(path: string): Promise<Buffer>;
  /** Reads a file in chunks, in bounded memory. */
  readChunks(path: string): AsyncIterable<Uint8Array>;
  /** Lists the names in a folder, in no order. */
  readdir(path: string): Promise<string[]>;
  /** Lists a folder's entries with their kinds. */
  entries(path: string): Promise<readonly DiskEntry[]>;
  lstat(path: string): Promise<DiskStat>;
  /** Returns the status of a path's target, through links. */
  stat(path: string): Promise<DiskVersion>;
  /** Returns the path without links. */
  realpath(path: string): Promise<string>;
  /** Makes one folder. Rejects with EEXIST when the name is taken. */
  mkdir(path: string): Promise<void>;
  /** Makes another name for a file. Rejects with EEXIST when the name is taken. */
  link(from: string, to: string): Promise<void>;
  /** Renames in one step. Replaces an existing file or an empty folder. */
  rename(from: string, to: string): Promise<void>;
  /** Copies a file. Rejects with EEXIST when the name is taken. */
  copyFile(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes an empty folder. */
  rmdir(path: string): Promise<void>;
  /** Removes a file or folder with its content, if it exists. */
  remove(path: string): Promise<void>;
}

/** Flags of `open`. `w` creates or truncates the file. `wx` creates it and rejects an existing one. */
export type OpenFlags = "r" | "w" | "wx";

/** Disk of a check, which lists, reads and syncs, and changes nothing. */
export interface ReadableDisk extends Pick<Disk, "readdir" | "lstat"> {
  open(path: string, flags: "r"): Promise<ReadableFile>;
}

/** Open file, or (with `r`) a folder to sync. */
export interface ReadableFile {
  /** Fills `bytes` from the position `at` on. Returns the count of bytes: fewer only at the file's end. */
  readInto(bytes: Uint8Array, at: number): Promise<number>;
  /** Resolves when everything written is on the disk. Of a folder, syncs its names. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DiskFile extends ReadableFile {
  /** Appends all of `bytes` to the previous writes through this file. */
  write(bytes: Uint8Array): Promise<void>;
  /** Syncs like `sync`, except metadata that no reader needs, such as times. */
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
  /** Time of the last change, as text. Only for comparison. */
  readonly version: string;
  /** The same time in milliseconds since 1970, if the disk has times. */
  readonly modified?: number | undefined;
}

export function kindOfFile(stats: Stats | BigIntStats | Dirent): DiskStat["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}

/** Retries of a removal: a writer that lost, but has not noticed yet, may still add files to the folder. */
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
  const { size, mtimeNs, mtimeMs } = stats;
  const version = timeText(mtimeNs);
  return { kind: kindOfFile(stats), size: Number(size), version, modified: Number(mtimeMs) };
}

const NS_PER_MS = 1_000_000n;

/** Formats milliseconds and the nanoseconds beyond them: `2026-01-31T12:00:00.123+456789`. */
function timeText(ns: bigint): string {
  const time = new Date(Number(ns / NS_PER_MS));
  // A file may have a time outside the calendar.
  if (Number.isNaN(time.getTime())) return `${ns}`;
  return `${time.toISOString()}+${ns % NS_PER_MS}`;
}

/** Chunk of a large file. Smaller chunks cost calls, and larger ones only cost memory. */
const CHUNK_BYTES = 1 << 20;

/** Reads a file in chunks. A small file gets a small buffer: partials are small, and often many. */
async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    // One extra byte detects that the file grew.
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

/** Limit of one read. Node 20 ends the process, with a failed assertion, for a read of 2 GiB or more. */
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

  /** Writes in a loop: `FileHandle.write` may write only a part. */
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
