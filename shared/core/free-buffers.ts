import { MessageChannel, type MessagePort } from "node:worker_threads";

/**
 * Largest buffer that is left to the garbage collector, because freeing a smaller one is not worth a message.
 * A small buffer may also be Node's shared slab of `poolSize` bytes: 8 KiB up to Node 22, 64 KiB from Node 24
 * on.
 */
const MOST_LEFT_BYTES = Math.max(64 << 10, Buffer.poolSize);

let unconnected: MessagePort | undefined;

/**
 * Frees the memory of `buffers` now, and leaves the buffers empty: the caller must not use them again.
 * Otherwise V8 frees buffers in full garbage collections. A few megabytes of buffers trigger one, most often
 * on small heaps. Node 20 has no call for freeing. A buffer that is transferred to a closed port is freed at
 * once.
 */
export function freeBuffers(buffers: Iterable<ArrayBuffer>): void {
  const large = [...new Set(buffers)].filter(({ byteLength }) => byteLength > MOST_LEFT_BYTES);
  if (large.length === 0) return;
  unconnected ??= closedPort();
  unconnected.postMessage(null, large);
}

/** Makes a closed port. By the standard, messages to it are dropped with their transferred buffers. */
function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
