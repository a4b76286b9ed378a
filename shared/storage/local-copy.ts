import { createHash } from "node:crypto";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NEVER } from "../core/abort.ts";
import { type Digest, digestFile, hashed } from "../core/digest.ts";
import { isShardmillError } from "../core/errors.ts";
import { freeBuffers } from "../core/free-buffers.ts";
import { readAhead } from "../core/read-ahead.ts";
import { type Location, localPathOf } from "../domain/location.ts";
import { isTooShort } from "./errors.ts";
import type { FetchProgress } from "./fetch-progress.ts";
import { type OwnNames, ownNames } from "./local-own-names.ts";
import type { Storage } from "./storage.ts";

/** File by its content, for libraries that need a path: ONNX Runtime, DuckDB. */
export interface WantedFile {
  readonly location: Location;
  /** Name of the copy in its folder. With `/` for subfolders. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** Makes the error for a file that has other content, or cannot be read. `found` describes its content. */
type OtherContent = (file: WantedFile, found: string, cause?: unknown) => Error;

export interface LocalCopy {
  /** Paths of the files, in their order. */
  readonly paths: readonly string[];
  /** Checks after loading that no file was replaced since its check. Rejects with an `OtherContent` error. */
  checkUnchanged(): Promise<void>;
  /** Releases the copy. Removes it when no other process uses it. */
  release(): Promise<void>;
}

/** Checks files of this machine in place. Reads them whole, and copies nothing. */
export async function localFiles(files: readonly WantedFile[], other: OtherContent): Promise<LocalCopy> {
  const before = await marksOf(files, other);
  for (const file of files) {
    const found = await digestFile(localPathOf(file.location), NEVER).catch((cause: unknown) => {
      throw other(file, "nothing that can be read", cause);
    });
    if (found.sha256 !== file.sha256) throw other(file, found.sha256);
  }
  return {
    paths: files.map(({ location }) => localPathOf(location)),
    async checkUnchanged() {
      const after = await marksOf(files, other);
      for (const [index, file] of files.entries()) {
        if (before[index] !== after[index]) throw other(file, "another file, or another time of change");
      }
    },
    async release() {},
  };
}

/** Returns facts that change when a file is written or replaced. */
function marksOf(files: readonly WantedFile[], other: OtherContent): Promise<string[]> {
  return Promise.all(
    files.map(async (file) => {
      const { ino, size, mtimeMs } = await stat(localPathOf(file.location)).catch((cause: unknown) => {
        throw other(file, "nothing that can be read", cause);
      });
      return `${ino} ${size} ${mtimeMs}`;
    }),
  );
}

/** Waits for the turn at a name among processes that share a folder. Resolves with its release function. */
type TakeTurn = (name: string) => Promise<() => void>;

/** Folder of a job's copies, shared by all processes. */
export interface CopiesPlace {
  readonly path: string;
  /** Takes turns with other processes. Default: only one process uses the folder. */
  readonly takeTurn?: TakeTurn | undefined;
  /** Folder of this process alone, on the same disk: see {@link ownNames}. Default: copies stay. */
  readonly ownPath?: string | undefined;
}

interface FetchOptions {
  readonly storage: Pick<Storage, "read">;
  /** Folder named by its content: if it exists, it is complete. The caller removes it. */
  readonly folder: string;
  readonly other: OtherContent;
  /** Takes turns with all fetchers of the folder. Default: this is the only one. */
  readonly takeTurn?: TakeTurn | undefined;
  readonly ownPath?: string | undefined;
  /** Receives expected and arrived bytes. Default: none. */
  readonly progress?: FetchProgress | undefined;
}

/** Fetches copies of files into one folder of this machine, unless they exist. */
export async function fetchedFiles(files: readonly WantedFile[], options: FetchOptions): Promise<LocalCopy> {
  const { folder, ownPath } = options;
  const names = [...new Set(files.map(({ name }) => name))];
  for (;;) {
    await fetchOnce(files, options);
    const own = ownPath === undefined ? SHARED : await ownNames(folder, names, ownPath);
    // Otherwise another process, its last user, has removed it meanwhile.
    if (own !== null) {
      const paths = files.map(({ name }) => join(own.path ?? folder, name));
      return { paths, checkUnchanged: async () => {}, release: own.release };
    }
  }
}

const SHARED: OwnNames = { path: null, release: async () => {} };

async function fetchOnce(files: readonly WantedFile[], options: FetchOptions): Promise<void> {
  const { folder, takeTurn = async () => () => {} } = options;
  if (await isThere(folder)) return;
  const endTurn = await takeTurn(basename(folder));
  try {
    if (!(await isThere(folder))) await fetchTo(folder, files, options);
  } finally {
    endTurn();
  }
}

async function isThere(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => null)) !== null;
}

async function fetchTo(folder: string, files: readonly WantedFile[], options: FetchOptions): Promise<void> {
  // Remains of a process that exited during a fetch.
  const temporary = `${folder}.fetching`;
  await rm(temporary, { recursive: true, force: true });
  try {
    // A model may have two names for a file, or list itself.
    const wanted = [...new Map(files.map((file) => [file.name, file])).values()];
    options.progress?.expect(wanted.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const file of wanted) await fetchFile(file, join(temporary, file.name), options);
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Bytes of one read, and number of reads ahead, because a file may exceed the memory. */
const PIECE_BYTES = 8 << 20;
const PIECES_AHEAD = 3;

async function fetchFile(
  file: WantedFile,
  path: string,
  { storage, other, progress }: FetchOptions,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const starts = Array.from(
    { length: Math.ceil(file.bytes / PIECE_BYTES) },
    (_, index) => index * PIECE_BYTES,
  );
  const pieces = readAhead(starts, PIECES_AHEAD, (start) =>
    storage.read(file.location, start, Math.min(start + PIECE_BYTES, file.bytes), { signal: NEVER }),
  );
  const found = await writeFileFrom(pieces, path, progress).catch((cause: unknown) => {
    const isMissing = isShardmillError(cause, "STORE_NOT_FOUND") || isTooShort(cause);
    throw isMissing ? other(file, "less than that, or nothing", cause) : cause;
  });
  if (found !== file.sha256) throw other(file, found);
}

/** Writes the chunks, and returns their sha256. */
async function writeFileFrom(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  progress: FetchProgress | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      await file.writeFile(chunk);
      progress?.came(chunk.byteLength);
      if (chunk.buffer instanceof ArrayBuffer) freeBuffers([chunk.buffer]);
    }
  } finally {
    await file.close();
  }
  return hashed(hash);
}
