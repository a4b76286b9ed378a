import type { TensorData } from "../../shared/domain/tensor.ts";

/**
 * Input buffers that lanes returned, for reuse. New buffers would be zeroed and garbage collected for each
 * batch. A buffer fits only a tensor of its exact size, so the pool works once the batch size is stable.
 */
export class BufferPool {
  readonly #maxBuffers: number;
  #buffers: ArrayBuffer[] = [];

  /** @param maxBuffers inputs of all batches in flight: more buffers would never be used */
  constructor(maxBuffers: number) {
    this.#maxBuffers = maxBuffers;
  }

  /** Returns a buffer of `bytes` bytes with arbitrary content. */
  take(bytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === bytes);
    const [found] = index < 0 ? [] : this.#buffers.splice(index, 1);
    return found ?? new ArrayBuffer(bytes);
  }

  give(feeds: Readonly<Record<string, TensorData>>): void {
    for (const { data } of Object.values(feeds)) this.#buffers.push(data);
    // Drop the oldest. After a change of batch size, the oldest no longer fit.
    this.#buffers = this.#buffers.slice(-this.#maxBuffers);
  }
}
