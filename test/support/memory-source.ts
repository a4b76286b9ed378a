import type { ByteSource } from "../../shared/storage/storage.ts";

export interface MemorySource extends ByteSource {
  /** Every range that was asked for. */
  readonly reads: readonly (readonly [start: number, end: number])[];
  /** While set, reads of data reject with it. */
  failure: unknown;
}

/** Bytes in memory as a dataset reader's source. Each read is a fresh copy, as the store's contract says. */
export function memorySource(bytes: Uint8Array, path = "memory.bin"): MemorySource {
  const reads: (readonly [number, number])[] = [];
  const source: MemorySource = {
    path,
    bytes: bytes.length,
    reads,
    failure: undefined,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      reads.push([start, end]);
      if (source.failure !== undefined) throw source.failure;
      return bytes.slice(start, end);
    },
  };
  return source;
}
