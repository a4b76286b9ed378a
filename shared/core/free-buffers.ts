import { MessageChannel, type MessagePort } from "node:worker_threads";

/**
 * Buffers up to this are left to the collector: they weigh less than the message, and may be the slab that
 * Node shares out to many, which is as large as its `poolSize` (8 KiB up to Node 22, 64 KiB from Node 24 on).
 */
const MOST_LEFT_BYTES = Math.max(64 << 10, Buffer.poolSize);

let nobody: MessagePort | undefined;

/**
 * Frees the memory of `buffers` now, which nobody may use any more: they are empty afterwards. Left to
 * themselves they wait for the garbage collector, which V8 starts over the whole heap after some megabytes of
 * them, the sooner the less lives in it. The engine of Node 20 has no call for that; a buffer that is
 * transferred to a port that nobody listens on is freed at once.
 */
export function freeBuffers(buffers: Iterable<ArrayBuffer>): void {
  const large = [...new Set(buffers)].filter(({ byteLength }) => byteLength > MOST_LEFT_BYTES);
  if (large.length === 0) return;
  nobody ??= closedPort();
  nobody.postMessage(null, large);
}

/**
 * What is posted to a closed port is dropped, and what is transferred with it too: so the standard has it.
 */
function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
