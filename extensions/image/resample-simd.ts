import type { Taps } from "./filters.ts";
import type { Pixels } from "./pixels.ts";
import { RESAMPLE_WASM } from "./resample-wasm.ts";

/** Exports of resample.wat: its memory, and functions of offsets in it. */
interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly across: (
    ...places: [src: number, width: number, rows: number, ...taps: TapsPlace, pixels: number, dst: number]
  ) => void;
  readonly down: (
    ...places: [src: number, bytes: number, lines: number, weights: number, dst: number]
  ) => void;
}

type TapsPlace = [first: number, offsets: number, weights: number];

// TypeScript declares WebAssembly only in the browser's types.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Kernel };
};

/** Bytes that the functions read and write beyond the end of a line. */
const SLACK_BYTES = 16;

let opened: LineScaler | null = null;

/** Returns the scaler of this thread. */
export function lineScaler(): LineScaler {
  opened ??= new LineScaler(new WebAssembly.Instance(new WebAssembly.Module(RESAMPLE_WASM)).exports);
  return opened;
}

/**
 * Scaler of lines that uses SIMD, with 4 MiB of its own memory. Callers handle what does not fit: a line of
 * over a million pixels, or a pixel averaged from as many.
 */
class LineScaler {
  readonly #kernel: Kernel;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#bytes = new Uint8Array(kernel.memory.buffer);
    this.#words = new Int32Array(kernel.memory.buffer);
  }

  /** Scales lines of three channels horizontally. False: they do not fit in the memory. */
  across({ data, width, height }: Pixels, { first, offsets, weights }: Taps, out: Uint8Array): boolean {
    const pixels = first.length;
    const src = 4 * (first.length + offsets.length + weights.length);
    const [lineBytes, outBytes] = [3 * width, 3 * pixels];
    const room = this.#bytes.length - src - 2 * SLACK_BYTES;
    const atOnce = Math.min(height, Math.floor(room / (lineBytes + outBytes)));
    if (atOnce < 1) return false;
    this.#words.set(first, 0);
    this.#words.set(offsets, first.length);
    this.#words.set(weights, first.length + offsets.length);
    const taps: TapsPlace = [0, 4 * first.length, 4 * (first.length + offsets.length)];
    const dst = src + atOnce * lineBytes + SLACK_BYTES;
    for (let row = 0; row < height; row += atOnce) {
      const rows = Math.min(atOnce, height - row);
      this.#bytes.set(data.subarray(row * lineBytes, (row + rows) * lineBytes), src);
      this.#kernel.across(src, width, rows, ...taps, pixels, dst);
      out.set(this.#bytes.subarray(dst, dst + rows * outBytes), row * outBytes);
    }
    return true;
  }

  /**
   * Scales lines of any channels vertically. False: they do not fit in the memory.
   *
   * @param top row of the first line
   */
  down({ data, width, channels }: Pixels, top: number, taps: Taps, out: Uint8Array): boolean {
    const { first, offsets, weights } = taps;
    const lineBytes = width * channels;
    const dst = 4 * weights.length;
    const src = dst + lineBytes + SLACK_BYTES;
    const most = Math.floor((this.#bytes.length - src - SLACK_BYTES) / lineBytes);
    if (most < mostTaps(taps)) return false;
    this.#words.set(weights, 0);
    for (let row = 0; row < first.length; row += 1) {
      const tap = offsets[row] ?? 0;
      const lines = (offsets[row + 1] ?? 0) - tap;
      const from = ((first[row] ?? 0) - top) * lineBytes;
      this.#bytes.set(data.subarray(from, from + lines * lineBytes), src);
      this.#kernel.down(src, lineBytes, lines, 4 * tap, dst);
      out.set(this.#bytes.subarray(dst, dst + lineBytes), row * lineBytes);
    }
    return true;
  }
}

function mostTaps({ offsets }: Taps): number {
  let most = 0;
  for (let at = 1; at < offsets.length; at += 1)
    most = Math.max(most, (offsets[at] ?? 0) - (offsets[at - 1] ?? 0));
  return most;
}
