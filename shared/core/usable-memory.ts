import { totalmem } from "node:os";

/** The memory that this process may use of this machine: a container may have less of it. */
export function usableMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
