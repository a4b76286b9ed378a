import { freeBuffers } from "../../shared/core/free-buffers.ts";

/** Sizes of buffers are multiples of it, so that messages of similar sizes share buffers. */
const STEP_BYTES = 256 << 10;

/** Largest read in memory of its own: metadata, which readers keep. */
const MOST_OWN_BYTES = 64 << 10;

/** Limit of kept buffers. A stream sends from one while it reads into another. */
const MOST_KEPT = 2;

/**
 * Memory for the reads of one stream, which is used again. New memory for each read would make V8 collect
 * garbage every 64 MiB, and each new page costs a fault. Together they took more time than sending.
 */
export class ReadMemory implements Disposable {
  readonly #own = new WeakSet<ArrayBuffer>();
  #kept: ArrayBuffer[] = [];

  /** Returns memory with any content. */
  allocate(bytes: number): Uint8Array {
    if (bytes <= MOST_OWN_BYTES) return new Uint8Array(bytes);
    const kept = this.#kept.find(({ byteLength }) => byteLength >= bytes);
    this.#kept = this.#kept.filter((buffer) => buffer !== kept);
    const buffer = kept ?? new ArrayBuffer(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
    this.#own.add(buffer);
    return new Uint8Array(buffer, 0, bytes);
  }

  /**
   * Keeps buffers of this memory for later reads, and frees others. Nothing may use them any more, and no
   * connection may still be sending them.
   */
  free(buffers: Iterable<ArrayBuffer>): void {
    const others: ArrayBuffer[] = [];
    for (const buffer of new Set(buffers)) {
      if (this.#own.has(buffer)) this.#kept.push(buffer);
      else others.push(buffer);
    }
    // The largest fit most reads.
    this.#kept.sort((a, b) => a.byteLength - b.byteLength);
    freeBuffers([...others, ...this.#kept.splice(0, Math.max(0, this.#kept.length - MOST_KEPT))]);
  }

  /** Frees what is kept. Memory in use is left to the garbage collector. */
  [Symbol.dispose](): void {
    freeBuffers(this.#kept.splice(0));
  }
}
