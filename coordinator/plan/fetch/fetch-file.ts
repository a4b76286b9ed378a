import { createHash } from "node:crypto";
import { open, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { systemClock, type TimedClock } from "../../../shared/core/clock.ts";
import { hashed } from "../../../shared/core/digest.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { freeBuffers } from "../../../shared/core/free-buffers.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { readAhead } from "../../../shared/core/read-ahead.ts";
import { retry } from "../../../shared/core/retry.ts";
import { formatBytes } from "../../../shared/core/units.ts";
import type { FileStat, Location } from "../../../shared/domain/location.ts";
import type { FetchProgress } from "../../../shared/storage/fetch-progress.ts";
import type { Storage, StoredFile } from "../../../shared/storage/storage.ts";

/** Bytes of a read, and further reads at once. Together they use 32 MiB of memory. */
const PIECE_BYTES = 8 << 20;
const PIECES_AHEAD = 3;

/**
 * Time for which a failing store is retried. A large model takes minutes to fetch, so a short outage must not
 * lose it. Equal to the time for which refused credentials are retried.
 */
const PATIENCE_MS = 60_000;
const AGAIN_MS = 1_000;

interface FetchFileOptions {
  readonly storage: Pick<Storage, "read">;
  readonly signal: AbortSignal;
  readonly progress?: FetchProgress | undefined;
  readonly clock?: TimedClock | undefined;
}

/**
 * Copies one version of a file to a new path on this machine, in pieces, as it may exceed memory. Retries a
 * failing store for a minute.
 *
 * @param file the version to copy
 * @throws {STORE_CHANGED} when the file is replaced meanwhile
 * @throws {CACHE_FAILED} when the disk fails
 * @throws what the storage throws
 */
export async function fetchFile(
  location: Location,
  file: FileStat,
  path: string,
  { storage, signal, progress, clock = systemClock }: FetchFileOptions,
): Promise<StoredFile> {
  const starts = Array.from({ length: Math.ceil(file.bytes / PIECE_BYTES) }, (_, at) => at * PIECE_BYTES);
  const pieces = readAhead(starts, PIECES_AHEAD, (start) =>
    patiently(
      () =>
        storage.read(location, start, Math.min(start + PIECE_BYTES, file.bytes), {
          version: file.version,
          signal,
        }),
      { clock, signal },
    ),
  );
  const hash = createHash("sha256");
  await inCache(path, () => makeFolders(dirname(path)));
  const copy = await inCache(path, () => open(path, "wx"));
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      await inCache(path, () => copy.writeFile(piece));
      progress?.came(piece.byteLength);
      if (piece.buffer instanceof ArrayBuffer) freeBuffers([piece.buffer]);
    }
  } finally {
    await copy.close();
  }
  return { bytes: file.bytes, sha256: hashed(hash) };
}

function patiently<T>(
  call: () => Promise<T>,
  waiting: { readonly clock: TimedClock; readonly signal: AbortSignal },
): Promise<T> {
  const endMs = waiting.clock.nowMs() + PATIENCE_MS;
  const mayPass = (error: unknown) =>
    isShardmillError(error, "STORE_FAILED") && waiting.clock.nowMs() <= endMs;
  return retry(call, (error) => (mayPass(error) ? AGAIN_MS : null), waiting);
}

/**
 * Refuses a fetch that would fill the disk.
 *
 * @throws {CACHE_FAILED} when the folder's disk has too few free bytes
 */
export async function refuseWithoutRoom(folder: string, bytes: number): Promise<void> {
  await inCache(folder, async () => {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free < bytes)
      throw new Error(`the fetch needs ${formatBytes(bytes)}, and only ${formatBytes(free)} are free`);
  });
}

/** Reports a failure of the disk as one of the cache, not of the store. */
export async function inCache<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ShardmillError("CACHE_FAILED", `a fetched file cannot be kept: ${messageOf(cause)}`, {
      fields: { path },
      hint: "set SHARDMILL_CACHE to a writable folder with enough free space",
      cause,
    });
  }
}
