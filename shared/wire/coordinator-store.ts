import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { NEVER, sleep } from "../core/abort.ts";
import { backoffMs } from "../core/backoff.ts";
import { errorCode } from "../core/errno.ts";
import { ERROR_CODES } from "../core/error-codes.ts";
import { isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { Slots } from "../core/slots.ts";
import { parsePartialFolder } from "../domain/partial.ts";
import { isPartialFileName } from "../domain/partial-layout.ts";
import type { WorkerSession } from "../domain/worker.ts";
import type { Store } from "../store/store.ts";
import type { DataService } from "./services.ts";

export interface CoordinatorStoreOptions {
  readonly data: DataService;
  /** The worker's session at this moment. */
  readonly session: () => WorkerSession;
  readonly jobId: string;
}

/** Uploads move in steps of 64 KiB whatever the chunk; larger ones only take longer to cancel. */
const PUT_CHUNK_BYTES = 256 * 1024;

/**
 * Downloads at once, of all that this store is asked for: enough to hide a round trip, and the stores of a
 * worker's threads stay together below what the coordinator serves one worker.
 */
const READS_AT_ONCE = 8;

/** A partial's files come one after another, and no more than two uploads under one lease are taken. */
const PUTS_AT_ONCE = 1;

/**
 * A coordinator that is busy with others says so, at once or after a wait for a turn, and is asked again: for
 * a minute or more.
 */
const BUSY = { tries: 60, firstMs: 50, maxMs: 2_000 };

/**
 * The coordinator as a store, for a worker that does not see its files: paths are the coordinator's own.
 * Reads the job's inputs and its model; puts files of partials, as `.../<partialFolder>/<file name>`.
 *
 * @throws besides {@link Store}'s errors SESSION_STALE, LEASE_STALE, JOB_NOT_FOUND, JOB_ENDED
 */
export function createCoordinatorStore({ data, session, jobId }: CoordinatorStoreOptions): Store {
  const reads = new Slots("downloads", { slots: READS_AT_ONCE, waiting: Number.MAX_SAFE_INTEGER });
  const puts = new Slots("uploads", { slots: PUTS_AT_ONCE, waiting: Number.MAX_SAFE_INTEGER });
  return {
    stat: (path, signal) => asStore(path, signal, () => data.statFile(session(), jobId, path, signal)),

    readRange: (path, start, end, signal = NEVER) =>
      asStore(path, signal, async () => {
        checkRange(path, start, end);
        return await inTurn(reads, signal, () => {
          const chunks = data.readRange({ session: session(), jobId, path, start, end }, signal);
          return joinChunks(chunks, path, end - start);
        });
      }),

    putOnce: (path, localPath, signal = NEVER) =>
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
        await inTurn(puts, signal, async () => {
          const chunks = createReadStream(localPath, { highWaterMark: PUT_CHUNK_BYTES });
          try {
            const header = { session: session(), jobId, ...target, name, bytes: size };
            await data.putPartialFile(header, chunks, signal);
          } finally {
            chunks.destroy();
          }
        });
      }),
  };
}

/** Waits for a slot; what is refused because there are too many is tried again, later. */
async function inTurn<T>(slots: Slots, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const giveBack = await slots.take(signal);
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        if (!isShardmillError(error, "RESOURCE_EXHAUSTED") || attempt >= BUSY.tries) throw error;
        await sleep(backoffMs(attempt, BUSY, Math.random()), signal);
      }
    }
  } finally {
    giveBack();
  }
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
  const missing = errorCode(cause) === "ENOENT";
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
    if (isShardmillError(error) && ERROR_CODES[error.code].storage !== "fails") throw error;
    throw new ShardmillError("STORE_FAILED", `${path}: ${messageOf(error)}`, {
      fields: { path, ...(isShardmillError(error) ? { because: error.code } : {}) },
      ...(isShardmillError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
      cause: error,
    });
  }
}
