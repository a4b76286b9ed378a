import { END_BYTES } from "../storage/small-file.ts";
import type { ByteSource } from "../storage/storage.ts";

/** Least bytes of one request. Metadata is small and lies close together in small files. */
export const WINDOW_BYTES = END_BYTES;

/** Reads small pieces through a window, so that one or two requests open a small file. */
export class ArrowWindow {
  readonly #source: ByteSource;
  readonly #signal: AbortSignal;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array();

  constructor(source: ByteSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /**
   * Reads bytes `[start, end)`, which must lie inside the file.
   *
   * @param isAlone true when no other metadata is near, so that a window would only fetch data
   */
  async read(start: number, end: number, isAlone = false): Promise<Uint8Array> {
    const held = this.#held(start, end);
    if (held !== undefined) return held;
    const bytes = await this.#source.read(
      start,
      isAlone ? end : Math.min(this.#source.bytes, Math.max(end, start + WINDOW_BYTES)),
      this.#signal,
    );
    if (isAlone) return bytes;
    this.#start = start;
    this.#bytes = bytes;
    return bytes.subarray(0, end - start);
  }

  /** Reads the file's last `length` bytes, with a window before them: the footer is there. */
  async readTail(length: number): Promise<Uint8Array> {
    const end = this.#source.bytes;
    const start = Math.max(0, end - length);
    if (this.#held(start, end) === undefined) {
      await this.read(Math.max(0, end - WINDOW_BYTES), end);
    }
    return this.read(start, end);
  }

  #held(start: number, end: number): Uint8Array | undefined {
    const from = start - this.#start;
    const to = end - this.#start;
    return from >= 0 && to <= this.#bytes.length ? this.#bytes.subarray(from, to) : undefined;
  }
}
