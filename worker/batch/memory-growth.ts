import { freemem, totalmem } from "node:os";

interface MemoryState {
  /** What this process holds. */
  readonly usedBytes: number;
  /** What it could still get. */
  readonly freeBytes: number;
}

/**
 * Watches how this process grows from now on. ONNX Runtime keeps the memory of the largest batch that it ran,
 * on the CPU beside everything else, and the kernel ends a process that takes too much without asking: so
 * this is known beforehand or never.
 *
 * @returns whether what it grew by may come once more, with as much again to spare: a batch twice as large
 * takes at most that
 */
export function watchGrowth(read: () => MemoryState = readMemory): () => boolean {
  const startBytes = read().usedBytes;
  return () => {
    const { usedBytes, freeBytes } = read();
    return usedBytes - startBytes < freeBytes / 2;
  };
}

/**
 * What the page cache holds counts as free, as the kernel sees it. Within a container's limit that is not
 * told, and `process.availableMemory` counts it as used: there what is left is the limit less what this
 * process has.
 */
function readMemory(): MemoryState {
  const usedBytes = process.memoryUsage.rss();
  const limitBytes = process.constrainedMemory();
  const isLimited = limitBytes > 0 && limitBytes < totalmem();
  return { usedBytes, freeBytes: Math.min(freemem(), isLimited ? limitBytes - usedBytes : Infinity) };
}
