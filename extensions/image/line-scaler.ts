import { assert } from "../../shared/core/assert.ts";
import type { Taps } from "./filters.ts";
import { type PackedTaps, packTaps } from "./packed-taps.ts";
import type { Pixels, Region } from "./pixels.ts";
import { RESAMPLE_WASM } from "./resample-wasm.ts";

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Function of resample.wat: addresses and counts. */
type Kernel = (src: number, stride: number, count: number, ...taps: TapsPlace) => void;
type TapsPlace = [taps: number, pixels: number, pairs: number, dst: number];

interface Kernels {
  readonly across: Kernel;
  readonly acrossGrey: Kernel;
  readonly down: Kernel;
  readonly lookUp: (...places: [src: number, pixels: number, tables: number, ...PlacesInBytes]) => void;
}
type PlacesInBytes = [dst: number, apart: number, step: number];

/** Offsets of values. The first is at `at`, the next channel at `+ apart`, the next pixel at `+ step`. */
export interface Places {
  readonly at: number;
  readonly apart: number;
  readonly step: number;
}

// TypeScript declares WebAssembly only in the browser's types.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Kernels };
  readonly Memory: new (size: { readonly initial: number }) => Memory;
};

const PAGE_BYTES = 65_536;
/** Bytes that the functions read and write beyond the end of a line. */
const SLACK_BYTES = 16;
/** Memory that is always kept: enough for a photograph of eight megapixels. */
const KEPT_BYTES = 32 << 20;
/** Share of a larger memory that an image must use, or else the next image gets a new one. */
const USED_SHARE = 1 / 4;

let module: object | null = null;
let opened: LineScaler | null = null;

/** Returns the scaler of this thread. */
export function lineScaler(): LineScaler {
  opened ??= new LineScaler();
  return opened;
}

/** Lines in the memory: the pixels of line n begin at `at + n * stride`. */
interface Lines {
  readonly at: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** Directions of a scaling, in order, with their weights. */
export type Scaling = readonly { readonly direction: "across" | "down"; readonly taps: Taps }[];

/**
 * Scaler of images with SIMD, in WebAssembly memory of its own. Images are decoded there, scaled in both
 * directions and looked up, without a copy in between.
 *
 * ```
 * memory   image | weights, lines scaled in one direction | weights, lines scaled in both | tables, values
 * ```
 */
class LineScaler {
  #memory: Memory;
  #kernels: Kernels;
  /** End of the memory in use. */
  #end = 0;

  constructor() {
    [this.#memory, this.#kernels] = open();
  }

  /**
   * Returns memory for an image, with arbitrary content. Scaling reads the image there, without a copy. All
   * earlier images become invalid.
   */
  frame(bytes: number): Uint8Array {
    const { byteLength } = this.#memory.buffer;
    if (byteLength > KEPT_BYTES && this.#end < byteLength * USED_SHARE)
      [this.#memory, this.#kernels] = open();
    this.#end = 0;
    return this.#view(this.#take(bytes), bytes);
  }

  /**
   * Scales a region of an image in one or both directions. The result is valid until the next call, or the
   * next frame.
   *
   * @param image remains valid, unless it lies in the memory and the memory grows
   * @param region part of the image from which the result is made, before the first direction
   */
  scale(image: Pixels, region: Region, scaling: Scaling): Pixels {
    const { channels } = image;
    let lines = this.#part(image, region);
    for (const { direction, taps } of scaling)
      lines =
        direction === "across" ? this.#across(lines, taps, channels) : this.#down(lines, taps, channels);
    const { at, width, height } = lines;
    return { width, height, channels, data: this.#view(at, width * height * channels) };
  }

  /**
   * Looks up the bytes of an image of three channels.
   *
   * @param tables 256 values of each channel
   * @returns the values at their `places`, valid until the next call
   */
  lookUp(image: Pixels, tables: Float32Array, { at, apart, step }: Places): Float32Array {
    const { width, height } = image;
    const { at: src } = this.#part(image, { x: 0, y: 0, width, height });
    const table = this.#take(tables.byteLength);
    const dst = this.#take(4 * 3 * width * height);
    new Float32Array(this.#memory.buffer, table, tables.length).set(tables);
    this.#kernels.lookUp(src, width * height, table, dst + 4 * at, 4 * apart, 4 * step);
    return new Float32Array(this.#memory.buffer, dst, 3 * width * height);
  }

  /** Returns the lines of a region. An image outside the memory is copied into it. */
  #part({ data, width, height, channels }: Pixels, region: Region): Lines {
    assert(data.length === width * height * channels, "pixels are valid");
    const stride = width * channels;
    const skipped = (region.y * width + region.x) * channels;
    if (data.buffer === this.#memory.buffer) {
      this.#end = aligned(data.byteOffset + data.length + SLACK_BYTES);
      return { ...region, at: data.byteOffset + skipped, stride };
    }
    const bytes = (region.height - 1) * stride + region.width * channels;
    const copy = this.frame(bytes);
    copy.set(data.subarray(skipped, skipped + bytes));
    return { ...region, at: copy.byteOffset, stride };
  }

  /** @param lines begin with the first source pixel of `taps` */
  #across({ at, stride, height }: Lines, taps: Taps, channels: Pixels["channels"]): Lines {
    const weights = packTaps(taps);
    const width = weights.pixels;
    const { place, dst } = this.#reserve(weights, width * height * channels);
    const { across, acrossGrey } = this.#kernels;
    (channels === 3 ? across : acrossGrey)(at, stride, height, place, width, weights.pairs, dst);
    return { at: dst, stride: width * channels, width, height };
  }

  /** @param lines begin with the first source line of `taps` */
  #down({ at, stride, width }: Lines, taps: Taps, channels: Pixels["channels"]): Lines {
    const weights = packTaps(taps);
    const height = weights.pixels;
    const { place, dst } = this.#reserve(weights, width * height * channels);
    // An odd number of weights reads another line, whose weight is zero.
    this.#growTo(at + Math.max(weights.reach, 2 * weights.pairs) * stride + SLACK_BYTES);
    this.#kernels.down(at, stride, width * channels, place, height, weights.pairs, dst);
    return { at: dst, stride: width * channels, width, height };
  }

  /** Places weights in the memory, and reserves the memory of a result. */
  #reserve({ words }: PackedTaps, bytes: number): { readonly place: number; readonly dst: number } {
    const place = this.#take(words.byteLength);
    const dst = this.#take(bytes);
    new Int32Array(this.#memory.buffer, place, words.length).set(words);
    return { place, dst };
  }

  #take(bytes: number): number {
    const at = this.#end;
    this.#end = aligned(at + bytes + SLACK_BYTES);
    this.#growTo(this.#end);
    return at;
  }

  #growTo(bytes: number): void {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  #view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, bytes);
  }
}

function open(): [Memory, Kernels] {
  module ??= new WebAssembly.Module(RESAMPLE_WASM);
  const memory = new WebAssembly.Memory({ initial: 1 });
  return [memory, new WebAssembly.Instance(module, { pixels: { memory } }).exports];
}

function aligned(at: number): number {
  return Math.ceil(at / SLACK_BYTES) * SLACK_BYTES;
}
