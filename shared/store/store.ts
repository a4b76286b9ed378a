import type { ShardmillError } from "../core/errors.ts";

export interface StoreStat {
  readonly bytes: number;
  readonly mtimeMs: number;
}

export interface StoreEntry extends StoreStat {
  readonly path: string;
}

/**
 * Where bytes live. One contract suite (`test/contract/store-contract.ts`) runs against every implementation:
 * the local file system, and the coordinator over gRPC.
 *
 * Every call rejects with a {@link ShardmillError}: STORE_NOT_FOUND, STORE_EXISTS, STORE_REFUSED,
 * STORE_FAILED; with the signal's reason once it aborts.
 */
export interface Store {
  stat(path: string, signal?: AbortSignal): Promise<StoreStat>;
  /** Bytes `[start, end)`; the caller owns the buffer. Rejects with STORE_FAILED when the file is shorter. */
  readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Stores a local file under `path`, which must not exist (STORE_EXISTS): all of its bytes, durably, or
   * nothing. The parent folder is made if needed.
   */
  putOnce(path: string, localPath: string, signal?: AbortSignal): Promise<void>;
}

/** One file of a store as a source of byte ranges: what dataset readers take. */
export interface ByteSource {
  readonly path: string;
  readonly bytes: number;
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
}

export function byteSource(store: Store, path: string, bytes: number): ByteSource {
  return { path, bytes, read: (start, end, signal) => store.readRange(path, start, end, signal) };
}

export type StoreError = ShardmillError;
