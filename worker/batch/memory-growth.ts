import { freemem, totalmem } from "node:os";

interface MemoryState {
  /** Memory that this process holds. */
  readonly usedBytes: number;
  /** Memory that this process could still get. */
  readonly freeBytes: number;
}

/**
 * Measures this process's growth from now on. ONNX Runtime keeps the memory of the largest batch that it ran.
 * On the CPU, the kernel kills a process that takes too much, so the limit must be checked in advance.
 *
 * @returns a function that checks whether the growth so far may happen once more, with as much left over. A
 *   batch twice as large takes at most that.
 */
export function watchGrowth(read: () => MemoryState = readMemory): () => boolean {
  const startBytes = read().usedBytes;
  return () => {
    const { usedBytes, freeBytes } = read();
    return usedBytes - startBytes < freeBytes / 2;
  };
}

/**
 * Reads this process's memory. The page cache counts as free. Within a container's limit, the cache size is
 * unknown, and `process.availableMemory` counts the cache as used. So the free memory is the limit minus this
 * process's memory.
 */
function readMemory(): MemoryState {
  const usedBytes = process.memoryUsage.rss();
  const limitBytes = process.constrainedMemory();
  const isLimited = limitBytes > 0 && limitBytes < totalmem();
  return { usedBytes, freeBytes: Math.min(freemem(), isLimited ? limitBytes - usedBytes : Infinity) };
}
