import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { BEACON_NAME } from "./beacon.ts";
import { checkFileDigest, errorCode } from "./check-file.ts";
import { checkManifest, type PartialShape } from "./check-manifest.ts";
import { GroupSync } from "./group-sync.ts";
import { partialInvalid } from "./partial-invalid.ts";
import { RowCounter, type RowCounting } from "./row-counter.ts";

/** The partials of one job on disk: one folder each, below the job's partials folder. Nobody else deletes there. */
export interface PartialStore extends AsyncDisposable {
  /**
   * Makes sure that a partial is there, whole, and durable: the manifest agrees with itself and the job; the folder has
   * exactly its files; bytes, sha256 and the row counts in the files' own footers are right; files and folders are synced.
   *
   * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found
   */
  verifyPartial(partial: PartialManifest, signal: AbortSignal): Promise<void>;
  /** Deletes a partial that lost, if it is there. */
  discardPartial(partial: PartialManifest): Promise<void>;
  /**
   * Deletes whatever is neither the beacon nor one of `keep`: lost partials, temporary files of broken uploads.
   *
   * @returns how many entries went
   */
  sweep(keep: readonly PartialManifest[]): Promise<number>;
}

/** A put that was sent twice, because the answer to the first was lost, may still be writing beside the finished file. */
const UPLOAD_UNDER_WAY = /^\..*\.tmp$/;

/** What the store works with; the store disposes of the counter. */
export interface PartialStoreSeams {
  readonly disk: Disk;
  readonly counter: RowCounting;
}

export function createPartialStore(
  partialsPath: string,
  shape: PartialShape,
  seams: PartialStoreSeams = { disk: realDisk, counter: new RowCounter(partialsPath, tmpdir()) },
): PartialStore {
  const { disk, counter } = seams;
  const names = new GroupSync(() => syncPath(partialsPath, disk));
  const discard = (name: string) => disk.remove(join(partialsPath, name));
  return {
    async verifyPartial(partial, signal) {
      signal.throwIfAborted();
      checkManifest(partial, shape);
      const folder = join(partialsPath, partialFolder(partial));
      await checkNames(folder, partial, disk);
      const paths: string[] = [];
      for (const file of partial.files)
        paths.push(await checkFileDigest(partialsPath, partial, file, signal, disk));
      await checkRowCounts(counter, partial, paths, signal);
      // All at once: a file system makes one journal commit of it.
      const own = [...paths, folder].map((path) => makeDurable(partial, path, () => syncPath(path, disk)));
      await Promise.all([...own, makeDurable(partial, partialsPath, () => names.sync())]);
    },
    async discardPartial(partial) {
      checkFolderName(partialFolder(partial));
      await discard(partialFolder(partial));
    },
    async sweep(keep) {
      await makeFolders(partialsPath, disk);
      const kept = new Set([BEACON_NAME, ...keep.map(partialFolder)]);
      const others = (await disk.readdir(partialsPath)).filter((name) => !kept.has(name));
      for (const name of others) await discard(name);
      return others.length;
    },
    [Symbol.asyncDispose]: () => counter[Symbol.asyncDispose](),
  };
}

async function makeDurable(partial: PartialManifest, path: string, sync: () => Promise<void>): Promise<void> {
  await sync().catch((cause: unknown) => {
    const what = "it cannot be made durable";
    throw partialInvalid(partial, { path, what, expected: "synced", found: messageOf(cause), cause });
  });
}

async function checkNames(folder: string, partial: PartialManifest, disk: Disk): Promise<void> {
  const differ = (what: string, expected: string, found: string, cause?: unknown) =>
    partialInvalid(partial, { path: folder, what, expected, found, cause });
  const stats = await disk.lstat(folder).catch((cause: unknown) => {
    const found = errorCode(cause) === "ENOENT" ? "nothing" : messageOf(cause);
    throw differ("its folder cannot be read", "a folder", found, cause);
  });
  if (stats.kind !== "folder") throw differ("its folder is not a folder", "a folder", "something else");
  const found = (await disk.readdir(folder))
    .filter((name) => !UPLOAD_UNDER_WAY.test(name))
    .sort()
    .join(", ");
  const expected = partial.files
    .map((file) => file.name)
    .sort()
    .join(", ");
  if (found !== expected) throw differ("names in its folder", expected, found);
}

async function checkRowCounts(
  counter: RowCounting,
  partial: PartialManifest,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const [index, file] of partial.files.entries()) {
    const path = paths[index] ?? "";
    const found = await counter.count(path, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      const what = `${file.name} cannot be parsed`;
      throw partialInvalid(partial, {
        path,
        what,
        expected: `${file.rows} rows`,
        found: messageOf(cause),
        cause,
      });
    });
    if (found !== file.rows) {
      throw partialInvalid(partial, { path, what: `rows in ${file.name}`, expected: file.rows, found });
    }
  }
}

/** An id with a slash in it would delete elsewhere. */
function checkFolderName(name: string): void {
  if (!/^[\w.-]+$/.test(name))
    throw new Error(`broken invariant: a partial's folder named ${JSON.stringify(name)}`);
}
