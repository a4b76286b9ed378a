import { randomBytes } from "node:crypto";
import { rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { canonicalJson, digestFile, sha256 } from "../../../shared/core/digest.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { isShardmillError } from "../../../shared/core/errors.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { type PruneLimits, pruneFolder } from "../../../shared/core/prune-folder.ts";
import { readRecord } from "../../../shared/core/read-record.ts";
import { cacheFolder } from "../../../shared/core/user-folder.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { Storage, StoredFile } from "../../../shared/storage/storage.ts";
import { fetchFile, inCache } from "./fetch-file.ts";

/**
 * What is kept: a folder of files that belong together, named by their contents, and for each place that was
 * fetched a note of what lies there. The jobs that run have these files open or read them again for weeks;
 * each planning makes them young again, and what is young goes for no bound.
 */
const KEPT: PruneLimits = {
  name: /^[0-9a-f]{64}(\.json)?$/,
  leftBehind: /^[0-9a-f]{16}\.new$/,
  mostEntries: 1_000,
  mostAgeMs: 30 * 24 * 3_600_000,
  mostBytes: 64 * 2 ** 30,
  sparedMs: 7 * 24 * 3_600_000,
};

interface FileToFetch {
  readonly location: Location;
  /** What its copy is called in their folder; with `/` where it lies deeper. */
  readonly name: string;
}

interface FetchedFile extends StoredFile, FileToFetch {
  /** The copy on this machine. */
  readonly path: Location;
}

interface FetchOptions {
  readonly storage: Pick<Storage, "stat" | "read">;
  /** Stores with other settings have other files under one name. */
  readonly stores: Pick<JobStores, "settings">;
  readonly signal: AbortSignal;
}

const noteSchema = z.object({
  folder: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(
    z.object({
      location: z.string(),
      name: z.string(),
      version: z.string(),
      bytes: z.number(),
      sha256: z.string(),
    }),
  ),
}) satisfies z.ZodType<Note>;

interface NotedFile extends StoredFile {
  readonly location: string;
  readonly name: string;
  readonly version: string;
}

interface Note {
  readonly folder: string;
  readonly files: readonly NotedFile[];
}

/**
 * Copies of a file and of those that belong to it in one folder of this machine, each of one version, fetched
 * piece by piece: no file need fit into memory. They are kept in the user's cache, and used again while the
 * store says that none has changed and their own digests say so, too.
 *
 * @param others which files belong to it, once its copy is there
 * @throws {STORE_CHANGED} one is replaced while it is fetched
 * @throws {CACHE_FAILED} the cache cannot be written, or has no room; and what the storage throws
 */
export async function fetchTogether(
  first: FileToFetch,
  others: (copy: string) => Promise<readonly FileToFetch[]>,
  options: FetchOptions,
): Promise<readonly FetchedFile[]> {
  const cache = cacheFolder("fetched");
  const notePath = join(cache, `${sha256(canonicalJson([first, options.stores.settings]))}.json`);
  const note = await readRecord(notePath, noteSchema);
  if (note !== null && (await isStillSo(note, cache, options))) {
    const now = new Date();
    for (const path of [notePath, join(cache, note.folder)]) await utimes(path, now, now).catch(() => {});
    return fetchedFrom(note, cache);
  }
  const fresh = join(cache, `${randomBytes(8).toString("hex")}.new`);
  try {
    await inCache(cache, () => makeFolders(fresh));
    const made = await fetchAll(fresh, first, others, options);
    await inCache(cache, () => settle(fresh, cache, made));
    await inCache(cache, () => writeWhole(notePath, JSON.stringify(made)));
    // What cannot be removed now goes another time.
    await pruneFolder(cache, KEPT, Date.now()).catch(() => {});
    return fetchedFrom(made, cache);
  } finally {
    await rm(fresh, { recursive: true, force: true }).catch(() => {});
  }
}

function fetchedFrom({ folder, files }: Note, cache: string): readonly FetchedFile[] {
  return files.map(({ location, name, bytes, sha256: digest }) => ({
    ...{ location: parseLocation(location), name, bytes, sha256: digest },
    path: parseLocation(join(cache, folder, name)),
  }));
}

/** Whether the store has these versions still, and the copies their bytes. */
async function isStillSo(
  { folder, files }: Note,
  cache: string,
  { storage, signal }: FetchOptions,
): Promise<boolean> {
  for (const { location, version, bytes } of files) {
    const now = await storage.stat(parseLocation(location), signal).catch((error: unknown) => {
      // The file may not need it any more.
      if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
      throw error;
    });
    if (now === null) return false;
    // A server that tells nothing but the size may have another file of that size.
    if (now.version !== version || now.bytes !== bytes || version === `${bytes} bytes`) return false;
  }
  for (const { name, sha256: expected } of files) {
    const found = await digestFile(join(cache, folder, name), signal).catch(() => null);
    signal.throwIfAborted();
    if (found?.sha256 !== expected) return false;
  }
  return true;
}

async function fetchAll(
  folder: string,
  first: FileToFetch,
  others: (copy: string) => Promise<readonly FileToFetch[]>,
  options: FetchOptions,
): Promise<Note> {
  const files: NotedFile[] = [];
  const take = async ({ location, name }: FileToFetch) => {
    const path = join(folder, name);
    // A model may have two names for a file, or name itself.
    const same = files.find((file) => join(folder, file.name) === path);
    files.push(
      same === undefined
        ? { location, name, ...(await fetchFile(location, path, options)) }
        : { ...same, name },
    );
  };
  await take(first);
  for (const file of await others(join(folder, first.name))) await take(file);
  const contents = files.map(({ name, sha256: digest }) => [name, digest]);
  return { folder: sha256(canonicalJson(contents)), files };
}

/** The folder gets its name; where it has it already, its files are the same ones, or damaged. */
async function settle(fresh: string, cache: string, { folder, files }: Note): Promise<void> {
  const path = join(cache, folder);
  try {
    await rename(fresh, path);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    for (const { name, sha256: expected } of files) {
      const found = await digestFile(join(path, name)).catch(() => null);
      if (found?.sha256 !== expected) await rename(join(fresh, name), join(path, name));
    }
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `${randomBytes(8).toString("hex")}.new`);
  await writeFile(temporary, text);
  await rename(temporary, path);
}
