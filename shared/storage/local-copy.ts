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

/** A file by its content, for libraries that want a path: ONNX Runtime, DuckDB. */
export interface WantedFile {
  readonly location: Location;
  /** What its copy is called in its folder; with `/` where it lies deeper. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: Digest;
}

/** The error for a file that has another content, or none that can be read; `found` says what it has. */
type OtherContent = (file: WantedFile, found: string, cause?: unknown) => Error;

export interface LocalCopy {
  /** Of each file, in their order. */
  readonly paths: readonly string[];
  /**
   * Once they are loaded: that none was replaced between its check and its loading. Rejects as
   * `OtherContent`.
   */
  checkUnchanged(): Promise<void>;
  /** Nobody here needs it any more: a copy that no other process uses goes. */
  release(): Promise<void>;
}

/** Files of this machine as they lie there: nothing is copied, all of them is read. */
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

/** What changes when a file is written to, or replaced by another. */
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

/**
 * Waits for a turn at what has that name, of several processes that share a folder. Resolves with what ends
 * it.
 */
type TakeTurn = (name: string) => Promise<() => void>;

/** Where copies of a job's files lie, for all processes that share it. */
export interface CopiesPlace {
  readonly path: string;
  /** Left out: only one process has it. */
  readonly takeTurn?: TakeTurn | undefined;
  /** A folder of this process alone, on the same disk: see {@link ownNames}. Left out: copies stay. */
  readonly ownPath?: string | undefined;
}

interface FetchOptions {
  readonly storage: Pick<Storage, "read">;
  /** Named by what is in it: where it is, all files are in it. The caller removes it. */
  readonly folder: string;
  readonly other: OtherContent;
  /** At the folder, of all who may fetch to it. Left out: nobody else does. */
  readonly takeTurn?: TakeTurn | undefined;
  readonly ownPath?: string | undefined;
  /** Is told what is wanted, and what came. Left out: nobody is. */
  readonly progress?: FetchProgress | undefined;
}

/** Copies of files in one folder on this machine, fetched unless they are there. */
export async function fetchedFiles(files: readonly WantedFile[], options: FetchOptions): Promise<LocalCopy> {
  const { folder, ownPath } = options;
  const names = [...new Set(files.map(({ name }) => name))];
  for (;;) {
    await fetchOnce(files, options);
    const own = ownPath === undefined ? SHARED : await ownNames(folder, names, ownPath);
    // Else another process was the last to use it, and removed it meanwhile.
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
  // What another left behind that died at it.
  const temporary = `${folder}.fetching`;
  await rm(temporary, { recursive: true, force: true });
  try {
    // A model may have two names for a file, or name itself.
    const wanted = [...new Map(files.map((file) => [file.name, file])).values()];
    options.progress?.expect(wanted.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const file of wanted) await fetchFile(file, join(temporary, file.name), options);
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A file may be larger than memory. So much is asked for at once, and so many pieces more meanwhile. */
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
    const isGone = isShardmillError(cause, "STORE_NOT_FOUND") || isTooShort(cause);
    throw isGone ? other(file, "less than that, or nothing", cause) : cause;
  });
  if (found !== file.sha256) throw other(file, found);
}

/** Returns the sha256 of what was written. */
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
