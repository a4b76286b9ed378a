import { setFlagsFromString } from "node:v8";

/**
 * Lets the heaps of a worker grow to four times what lives in them before they are marked: V8's own upper
 * bound, where it would take less of a thread that waits a lot. What lives in a shard or write thread is 10
 * MiB of code, and the buffers that go through it count as growth: they come and go by more than such a small
 * heap's allowance (16 to 24 MiB), so that V8 marked it anew for every shard or two. With this it does so
 * four times more rarely. For the whole process.
 */
export function letHeapsGrow(): void {
  setFlagsFromString("--heap-growing-percent=300");
}
