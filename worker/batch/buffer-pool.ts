import type { TensorData } from "../../shared/domain/tensor.ts";

/**
 * Input buffers that lanes gave back, to be filled again: fresh ones would be zeroed, and collected, batch
 * after batch. A buffer fits only a tensor of exactly its size, so the pool serves once the batch size has
 * settled.
 */
export class BufferPool {
  readonly #maxBuffers: number;
  #buffers: ArrayBuffer[] = [];

  /** @param maxBuffers the inputs of all batches in flight; more would be memory that nobody asks for */
  constructor(maxBuffers: number) {
    this.#maxBuffers = maxBuffers;
  }

  /** A buffer of `bytes` bytes, whose content is anything. */
  take(bytes: number): ArrayBuffer {
    const index = this.#buffers.findIndex((buffer) => buffer.byteLength === bytes);
    const [found] = index < 0 ? [] : this.#buffers.splice(index, 1);
    return found ?? new ArrayBuffer(bytes);
  }

  give(feeds: Readonly<Record<string, TensorData>>): void {
    for (const { data } of Object.values(feeds)) this.#buffers.push(data);
    // The oldest go first: after a change of batch size those are the ones that no longer fit.
    this.#buffers = this.#buffers.slice(-this.#maxBuffers);
  }
}
