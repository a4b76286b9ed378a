import type { ByteSource } from "../../shared/storage/storage.ts";

export interface MemorySource extends ByteSource {
  /** Ranges of all reads. */
  readonly reads: readonly (readonly [start: number, end: number])[];
  /** Error with which reads of data reject, while set. */
  failure: unknown;
}

/**
 * Returns bytes in memory as a source of dataset readers. As a store must, each read returns a fresh copy.
 */
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
