import { randomBytes } from "node:crypto";
import { rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import type { TimedClock } from "../../../shared/core/clock.ts";
import { asDigest, canonicalJson, digestFile, sha256 } from "../../../shared/core/digest.ts";
import { errorCode } from "../../../shared/core/errno.ts";
import { isShardmillError, ShardmillError } from "../../../shared/core/errors.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { type PruneLimits, pruneFolder } from "../../../shared/core/prune-folder.ts";
import { readRecord } from "../../../shared/core/read-record.ts";
import { cacheFolder } from "../../../shared/core/user-folder.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { FetchProgress } from "../../../shared/storage/fetch-progress.ts";
import type { Storage, StoredFile } from "../../../shared/storage/storage.ts";
import { fetchFile, inCache, refuseWithoutRoom } from "./fetch-file.ts";

/**
 * Limits of the cache. It has folders of files that belong together, named by their content, and a note for
 * each fetched location. Running jobs have these files open or read them again for weeks. Each planning
 * renews its entries, and recent entries are exempt from the limits.
 */
const LIMITS: PruneLimits = {
  name: /^[0-9a-f]{64}(\.json)?$/,
  leftBehind: /^[0-9a-f]{16}\.new$/,
  mostEntries: 1_000,
  mostAgeMs: 30 * 24 * 3_600_000,
  mostBytes: 64 * 2 ** 30,
  sparedMs: 7 * 24 * 3_600_000,
};

interface FilesToFetch {
  readonly location: Location;
  /** Name of the copy in its folder. */
  readonly name: string;
  /**
   * Returns the names of the files that belong to the first one, once its copy exists. Names of deeper files
   * have `/`. Default: none.
   */
  others?(copy: string): Promise<readonly string[]>;
  /** Returns the location of a file that `others` names. */
  locate?(name: string): Location;
}

interface FetchedFile extends StoredFile {
  readonly name: string;
  /** Path of the copy on this machine. */
  readonly path: Location;
}

interface FetchOptions {
  readonly storage: Pick<Storage, "stat" | "read">;
  /** Settings of the stores: part of the cache key, as other settings may give other files. */
  readonly stores: Pick<JobStores, "settings">;
  readonly signal: AbortSignal;
  /** Progress of the fetch, updated on the way. */
  readonly progress?: FetchProgress | undefined;
  readonly clock?: TimedClock | undefined;
}

/** Stats at once: each is a round trip to a store. */
const LOOKS_AT_ONCE = 16;

const noteSchema = z.object({
  folder: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      bytes: z.number(),
      sha256: z.string().transform(asDigest),
    }),
  ),
}) satisfies z.ZodType<Note>;

interface NotedFile extends StoredFile {
  readonly name: string;
  readonly version: string;
}

interface Note {
  readonly folder: string;
  readonly files: readonly NotedFile[];
}

/**
 * Fetches a file and the files that belong to it into one folder of this machine, each of one version. Copies
 * in pieces, so that no file need fit into memory. The user's cache keeps the copies. They are reused while
 * the store reports no change, and their own digests match.
 *
 * @throws {STORE_CHANGED} when a file is replaced meanwhile
 * @throws {CACHE_FAILED} when the cache cannot be written, or has no room
 * @throws what the storage throws
 */
export async function fetchTogether(
  wanted: FilesToFetch,
  options: FetchOptions,
): Promise<readonly FetchedFile[]> {
  const cache = cacheFolder("fetched");
  const key = sha256(canonicalJson([wanted.location, wanted.name, options.stores.settings]));
  const notePath = join(cache, `${key}.json`);
  const note = await readRecord(notePath, noteSchema);
  if (note !== null && (await isStillSo(note, cache, wanted, options))) {
    const now = new Date();
    for (const path of [notePath, join(cache, note.folder)]) await utimes(path, now, now).catch(() => {});
    return fetchedFrom(note, cache);
  }
  const fresh = join(cache, `${randomBytes(8).toString("hex")}.new`);
  try {
    await inCache(cache, () => makeFolders(fresh));
    const made = await fetchAll(fresh, wanted, options);
    await inCache(cache, () => moveIntoCache(fresh, cache, made));
    await inCache(cache, () => writeWhole(notePath, JSON.stringify(made)));
    // A failed removal is repeated by a later fetch.
    await pruneFolder(cache, LIMITS, Date.now()).catch(() => {});
    return fetchedFrom(made, cache);
  } finally {
    options.progress?.clear();
    await rm(fresh, { recursive: true, force: true }).catch(() => {});
  }
}

function fetchedFrom({ folder, files }: Note, cache: string): readonly FetchedFile[] {
  return files.map(({ version: _, ...file }) => ({
    ...file,
    path: parseLocation(join(cache, folder, file.name)),
  }));
}

/** Checks that the store still has these versions, and the copies their bytes. */
async function isStillSo(
  { folder, files }: Note,
  cache: string,
  wanted: FilesToFetch,
  { storage, signal }: FetchOptions,
): Promise<boolean> {
  for (const { name, version, bytes } of files) {
    const now = await storage.stat(placeOf(name, wanted), signal).catch((error: unknown) => {
      // The file may not be needed any more.
      if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
      throw error;
    });
    if (now === null) return false;
    // A version made of the size alone does not detect a change.
    if (now.version !== version || now.bytes !== bytes || version === `${bytes} bytes`) return false;
  }
  for (const { name, sha256: expected } of files) {
    const found = await digestFile(join(cache, folder, name), signal).catch(() => null);
    signal.throwIfAborted();
    if (found?.sha256 !== expected) return false;
  }
  return true;
}

/** Fetches the first file and the others. Names that lead to one path are one file. */
async function fetchAll(folder: string, wanted: FilesToFetch, options: FetchOptions): Promise<Note> {
  const first = await fetchNew([wanted.name], folder, wanted, options);
  const names = (await wanted.others?.(join(folder, wanted.name))) ?? [];
  const known = new Map(first.map((file) => [join(folder, file.name), file]));
  // A model may name a file twice, or name itself.
  const unknown = new Map(names.map((name) => [join(folder, name), name]));
  for (const path of known.keys()) unknown.delete(path);
  for (const file of await fetchNew([...unknown.values()], folder, wanted, options))
    known.set(join(folder, file.name), file);
  const others = names.map((name) => {
    return { ...present(known.get(join(folder, name)), "every requested file is fetched"), name };
  });
  const files = [...first, ...others];
  await refuseChanged(files, wanted, options);
  const contents = files.map(({ name, sha256: digest }) => [name, digest]);
  return { folder: sha256(canonicalJson(contents)), files };
}

/** Fetches files. Stats all of them first, so that a missing one fails before a long fetch. */
async function fetchNew(
  names: readonly string[],
  folder: string,
  wanted: FilesToFetch,
  options: FetchOptions,
): Promise<NotedFile[]> {
  const { storage, signal, progress } = options;
  const found = await mapConcurrent(names, LOOKS_AT_ONCE, async (name) => {
    const place = placeOf(name, wanted);
    return { name, place, stat: await storage.stat(place, signal) };
  });
  const bytes = found.reduce((sum, { stat }) => sum + stat.bytes, 0);
  await refuseWithoutRoom(folder, bytes);
  progress?.expect(bytes);
  const files: NotedFile[] = [];
  for (const { name, place, stat } of found) {
    const copy = await fetchFile(place, stat, join(folder, name), options);
    files.push({ name, version: stat.version, ...copy });
  }
  return files;
}

/** Refuses files of two publications: one may be replaced while another is fetched. */
async function refuseChanged(
  files: readonly NotedFile[],
  wanted: FilesToFetch,
  { storage, signal }: FetchOptions,
): Promise<void> {
  // A single file is checked while it is read.
  if (files.length === 1) return;
  for (const { name, version: expected } of files) {
    const place = placeOf(name, wanted);
    const { version: found } = await storage.stat(place, signal);
    if (found === expected) continue;
    throw new ShardmillError(
      "STORE_CHANGED",
      `${place} was replaced while the files beside it were fetched`,
      {
        fields: { path: place, expected, found },
      },
    );
  }
}

function placeOf(name: string, { location, name: first, locate }: FilesToFetch): Location {
  return name === first || locate === undefined ? location : locate(name);
}

/** Moves the new folder to its name. If the name exists, its files are the same, or damaged and replaced. */
async function moveIntoCache(fresh: string, cache: string, { folder, files }: Note): Promise<void> {
  const path = join(cache, folder);
  try {
    await rename(fresh, path);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
    for (const { name, sha256: expected } of files) {
      const found = await digestFile(join(path, name), NEVER).catch(() => null);
      if (found?.sha256 !== expected) await rename(join(fresh, name), join(path, name));
    }
  }
  // An existing folder may be old enough to be pruned.
  const now = new Date();
  await utimes(path, now, now);
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `${randomBytes(8).toString("hex")}.new`);
  await writeFile(temporary, text);
  await rename(temporary, path);
}
