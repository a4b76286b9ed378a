import type { Taps } from "./filters.ts";

/** Lower bits of a weight. The upper ones, with the sign, are another number of 16 bits. */
const LOW_BITS = 11;

/**
 * Weights as resample.wat reads them. The first source pixel of each pixel comes first. Then each pixel has
 * `pairs` times four numbers of 16 bits: the lower and upper bits of two weights. All pixels have the same
 * number of weights, and surplus ones are zero.
 */
export interface PackedTaps {
  readonly words: Int32Array;
  readonly pixels: number;
  readonly pairs: number;
  /** First source pixel of all. The source pixels in `words` are counted from here. */
  readonly start: number;
  /** Source pixels that have a weight. */
  readonly reach: number;
}

const packed = new WeakMap<Taps, PackedTaps>();

/** Packs weights, once for each `taps`. */
export function packTaps(taps: Taps): PackedTaps {
  const known = packed.get(taps);
  if (known !== undefined) return known;
  const made = pack(taps);
  packed.set(taps, made);
  return made;
}

function pack({ first, offsets, weights }: Taps): PackedTaps {
  const pixels = first.length;
  const start = first[0] ?? 0;
  const own = (pixel: number) => (offsets[pixel + 1] ?? 0) - (offsets[pixel] ?? 0);
  const reach = (first[pixels - 1] ?? 0) + own(pixels - 1) - start;
  let most = 0;
  for (let pixel = 0; pixel < pixels; pixel += 1) most = Math.max(most, own(pixel));
  const pairs = Math.ceil(most / 2);
  const words = new Int32Array(pixels * (1 + 2 * pairs));
  const numbers = new Int16Array(words.buffer);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const from = (first[pixel] ?? 0) - start;
    // Zeros in front, rather than behind, keep the last pixels inside the source.
    const shifted = Math.max(0, Math.min(from, reach - 2 * pairs));
    words[pixel] = shifted;
    for (let tap = 0; tap < own(pixel); tap += 1) {
      const weight = weights[(offsets[pixel] ?? 0) + tap] ?? 0;
      const place = from - shifted + tap;
      const at = 2 * pixels + 4 * (pixel * pairs + (place >> 1)) + (place & 1);
      numbers[at] = weight & ((1 << LOW_BITS) - 1);
      numbers[at + 2] = weight >> LOW_BITS;
    }
  }
  return { words, pixels, pairs, start, reach };
}
