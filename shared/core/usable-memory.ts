import { totalmem } from "node:os";

/** Returns the memory that this process may use: a container may have less than the machine. */
export function usableMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
