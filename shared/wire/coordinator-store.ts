import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type ErrorCode, isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { isPartialFileName, parsePartialFolder } from "../domain/partial.ts";
import type { WorkerSession } from "../domain/worker.ts";
import type { Store } from "../store/store.ts";
import type { DataService } from "./services.ts";

export interface CoordinatorStoreOptions {
  readonly data: DataService;
  readonly session: WorkerSession;
  readonly jobId: string;
}

/** Uploads move in steps of 64 KiB whatever the chunk; larger ones only take longer to cancel. */
const PUT_CHUNK_BYTES = 256 * 1024;

/** Errors that a caller of a store must see as they are; anything else that goes wrong on the way is STORE_FAILED. */
const OWN_CODES: readonly ErrorCode[] = [
  "STORE_NOT_FOUND",
  "STORE_EXISTS",
  "STORE_REFUSED",
  "STORE_FAILED",
  "SESSION_STALE",
  "LEASE_STALE",
  "JOB_NOT_FOUND",
  "JOB_ENDED",
  "INTERRUPTED",
];

/**
 * The coordinator as a store, for a worker that does not see its files: paths are the coordinator's own. Reads the job's
 * inputs and its model; puts files of partials, as `.../<partialFolder>/<file name>`.
 *
 * @throws besides {@link Store}'s errors SESSION_STALE, LEASE_STALE, JOB_NOT_FOUND, JOB_ENDED
 */
export function createCoordinatorStore({ data, session, jobId }: CoordinatorStoreOptions): Store {
  return {
    stat: (path, signal) => asStore(path, signal, () => data.statFile(session, jobId, path, signal)),

    readRange: (path, start, end, signal) =>
      asStore(path, signal, async () => {
        checkRange(path, start, end);
        const chunks = data.readRange({ session, jobId, path, start, end }, signal);
        return await joinChunks(chunks, path, end - start);
      }),

    putOnce: (path, localPath, signal) =>
      asStore(path, signal, async () => {
        const target = parsePartialFolder(basename(dirname(path)));
        const name = basename(path);
        if (target === null || !isPartialFileName(name)) {
          throw new ShardmillError("STORE_REFUSED", `${path} is not a file of a partial`, {
            fields: { path },
          });
        }
        const { size } = await stat(localPath).catch((error: unknown) => {
          throw sourceError(localPath, error);
        });
        const chunks = createReadStream(localPath, { highWaterMark: PUT_CHUNK_BYTES });
        try {
          const header = { session, jobId, ...target, name, bytes: size };
          await data.putPartialFile(header, chunks, signal);
        } finally {
          chunks.destroy();
        }
      }),
  };
}

/** Exactly `bytes` bytes, in one buffer of their own. */
async function joinChunks(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  bytes: number,
): Promise<Uint8Array> {
  const joined = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of chunks) {
    if (filled + chunk.length > bytes) throw wrongLength(path, bytes, filled + chunk.length);
    joined.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled < bytes) throw wrongLength(path, bytes, filled);
  return joined;
}

function checkRange(path: string, start: number, end: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new ShardmillError("STORE_FAILED", `[${start}, ${end}) is not a range of bytes`, {
      fields: { path, start, end },
    });
  }
}

function wrongLength(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} gave ${found} bytes where ${expected} were asked for`, {
    fields: { path, expected, found },
  });
}

function sourceError(localPath: string, cause: unknown): ShardmillError {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  return new ShardmillError(missing ? "STORE_NOT_FOUND" : "STORE_FAILED", messageOf(cause), {
    fields: { path: localPath },
    cause,
  });
}

async function asStore<T>(path: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (isShardmillError(error) && OWN_CODES.includes(error.code)) throw error;
    throw new ShardmillError("STORE_FAILED", `${path}: ${messageOf(error)}`, {
      fields: { path, ...(isShardmillError(error) ? { because: error.code } : {}) },
      ...(isShardmillError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
      cause: error,
    });
  }
}
