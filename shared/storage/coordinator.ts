import { present } from "../core/assert.ts";
import { backoffMs } from "../core/backoff.ts";
import { systemClock } from "../core/clock.ts";
import { ERROR_CODES } from "../core/error-codes.ts";
import { isShardmillError, messageOf, ShardmillError } from "../core/errors.ts";
import { retry } from "../core/retry.ts";
import { Slots } from "../core/slots.ts";
import type { JobId } from "../domain/job-id.ts";
import { atCoordinator, type FileStat, folderOf, type Location, nameOf } from "../domain/location.ts";
import { parsePartialFolder } from "../domain/partial.ts";
import { isPartialFileName } from "../domain/partial-layout.ts";
import type { WorkerSession } from "../domain/worker.ts";
import type { DataService } from "../wire/services.ts";
import { cannot, checkRange, fileOrNothing } from "./errors.ts";
import { checkedChunks } from "./put-source.ts";
import type { Capabilities, PutOptions, PutSource, Storage, StoredFile } from "./storage.ts";

export interface CoordinatorStorageOptions {
  readonly data: DataService;
  /** Returns the worker's current session. */
  readonly session: () => WorkerSession;
  readonly jobId: JobId;
}

/**
 * Limit of downloads at once in this storage: enough to hide a round trip. All storages of a worker's threads
 * stay below the coordinator's limit per worker.
 */
const READS_AT_ONCE = 8;

/** Limit of uploads at once. A partial's files come one after another, and a lease allows two uploads. */
const PUTS_AT_ONCE = 1;

/** Retries of a busy coordinator, which refuses at once or after a wait. Retries last a minute or more. */
const BUSY = { tries: 60, firstMs: 50, maxMs: 2_000 };

/**
 * Makes a storage of the coordinator's files, for a worker without access to them. Locations look like
 * `coordinator:/data/a`. Reads the job's inputs and its model. Puts files of partials as
 * `.../<partialFolder>/<file name>`, and never replaces files.
 *
 * @throws SESSION_STALE, LEASE_STALE, JOB_NOT_FOUND, JOB_ENDED and {@link Storage}'s errors
 */
export function createCoordinatorStorage(options: CoordinatorStorageOptions): Storage {
  return new CoordinatorStorage(options);
}

class CoordinatorStorage implements Storage {
  readonly can: Capabilities = {
    put: true,
    rename: false,
    link: false,
    putIfAbsent: true,
    sync: false,
    list: false,
    versions: false,
  };
  readonly #options: CoordinatorStorageOptions;
  readonly #reads = new Slots("downloads", { slots: READS_AT_ONCE, waiting: Number.MAX_SAFE_INTEGER });
  readonly #puts = new Slots("uploads", { slots: PUTS_AT_ONCE, waiting: Number.MAX_SAFE_INTEGER });

  constructor(options: CoordinatorStorageOptions) {
    this.#options = options;
  }

  kindAt(location: Location, signal: AbortSignal): Promise<"file" | null> {
    return fileOrNothing(() => this.stat(location, signal));
  }

  async stat(location: Location, signal: AbortSignal): Promise<FileStat> {
    const path = atCoordinator(location);
    const { data, session, jobId } = this.#options;
    return asStorage(path, () => data.statFile(session(), jobId, path, signal), signal);
  }

  /** Returns the location itself: links of the coordinator are not visible here. */
  async real(location: Location, signal: AbortSignal): Promise<Location> {
    await this.stat(location, signal);
    return location;
  }

  list(): AsyncIterable<never> {
    throw cannot("a coordinator's worker", "list");
  }

  async read(
    location: Location,
    start: number,
    end: number,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    const path = atCoordinator(location);
    const { data, session, jobId } = this.#options;
    return asStorage(
      path,
      async () => {
        checkRange(path, start, end);
        return await inTurn(
          this.#reads,
          () => {
            const chunks = data.readRange({ session: session(), jobId, path, start, end }, signal);
            return joinChunks(chunks, path, end - start);
          },
          signal,
        );
      },
      signal,
    );
  }

  async put(location: Location, source: PutSource, options: PutOptions): Promise<StoredFile> {
    const { signal } = options;
    if (options.ifAbsent !== true) throw cannot("a coordinator's worker", "put over what may be there");
    const path = atCoordinator(location);
    const { data, session, jobId } = this.#options;
    return asStorage(
      path,
      async () => {
        const target = parsePartialFolder(nameOf(folderOf(path)));
        const name = nameOf(path);
        if (target === null || !isPartialFileName(name)) {
          throw new ShardmillError("STORE_REFUSED", `${path} is not a file of a partial`, {
            fields: { path },
          });
        }
        return await inTurn(
          this.#puts,
          async () => {
            const header = { session: session(), jobId, ...target, name, bytes: source.bytes };
            let sent: StoredFile | null = null;
            const chunks = async function* (): AsyncGenerator<Uint8Array> {
              sent = yield* checkedChunks(path, source, options);
            };
            await data.putPartialFile(header, chunks(), signal);
            return present<StoredFile>(sent, "a put that succeeded took all chunks");
          },
          signal,
        );
      },
      signal,
    );
  }

  async rename(): Promise<void> {
    throw cannot("a coordinator's worker", "rename");
  }

  async link(): Promise<void> {
    throw cannot("a coordinator's worker", "link");
  }

  async copy(): Promise<void> {
    throw cannot("a coordinator's worker", "copy");
  }

  /** Does nothing: the coordinator replies only after a put is durable. */
  async sync(): Promise<void> {}

  async remove(): Promise<void> {
    throw cannot("a coordinator's worker", "remove");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Waits for a slot, then calls. Retries after a refusal for too many requests. */
async function inTurn<T>(slots: Slots, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const release = await slots.take(signal);
  try {
    const pauseMs = (error: unknown, failure: number) =>
      isShardmillError(error, "RESOURCE_EXHAUSTED") && failure < BUSY.tries
        ? backoffMs(failure, BUSY, Math.random())
        : null;
    return await retry(call, pauseMs, { clock: systemClock, signal });
  } finally {
    release();
  }
}

/** Joins chunks of exactly `bytes` bytes into one buffer. */
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

function wrongLength(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} has returned ${found} bytes instead of ${expected}`, {
    fields: { path, expected, found },
  });
}

async function asStorage<T>(path: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (isShardmillError(error) && ERROR_CODES[error.code].storage !== "fails") throw error;
    throw new ShardmillError("STORE_FAILED", `${path}: ${messageOf(error)}`, {
      fields: { path, ...(isShardmillError(error) ? { because: error.code } : {}) },
      ...(isShardmillError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
      cause: error,
    });
  }
}
