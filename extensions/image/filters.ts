import type { PILLOW_FILTERS } from "./op.ts";

/** Filters that average all the pixels beneath a pixel. */
type Convolution = Exclude<(typeof PILLOW_FILTERS)[number], "nearest">;

/** Kernel of a convolution: its values, and its reach from the centre. */
interface Filter {
  readonly support: number;
  readonly at: (x: number) => number;
}

/** Filters of Pillow (src/libImaging/Resample.c): bicubic with a = -0.5, Lanczos with three lobes. */
const FILTERS: Readonly<Record<Convolution, Filter>> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

const A = -0.5;

function cubic(x: number): number {
  if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Fractional bits of the integer weights. Of a 32-bit sum, 8 bits are the pixel and 2 are headroom. */
const WEIGHT_BITS = 22;
const UNITS = 2 ** WEIGHT_BITS;

/** Weights of a scaled line: each pixel averages consecutive pixels of the source line. */
export interface Taps {
  /** First source pixel, by pixel. */
  readonly first: Int32Array;
  /** Start of each pixel's weights, with one more entry at the end. */
  readonly offsets: Int32Array;
  readonly weights: Int32Array;
}

/** Limit of cached taps. Images of a data set have few sizes, and a thread processes one at a time. */
const CACHED_TAPS = 16;
const cachedTaps = new Map<string, Taps>();

/**
 * Returns the weights that scale a line from `from` to `to` pixels, for its pixels `[start, end)`. This is
 * Pillow's `precompute_coeffs`. When a line shrinks, the kernel widens, so that every pixel counts. Recent
 * results are cached, so callers must not change them.
 */
export function tapsOf(
  resample: Convolution,
  from: number,
  to: number,
  [start, end]: readonly [number, number],
): Taps {
  const key = `${resample} ${from} ${to} ${start} ${end}`;
  const cached = cachedTaps.get(key);
  if (cached !== undefined) return cached;
  const taps = computeTaps(resample, from, to, [start, end]);
  const [oldest] = cachedTaps.keys();
  if (cachedTaps.size >= CACHED_TAPS && oldest !== undefined) cachedTaps.delete(oldest);
  cachedTaps.set(key, taps);
  return taps;
}

function computeTaps(
  resample: Convolution,
  from: number,
  to: number,
  [start, end]: readonly [number, number],
): Taps {
  const filter = FILTERS[resample];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const first = new Int32Array(end - start);
  const offsets = new Int32Array(end - start + 1);
  const weights: number[] = [];
  for (let pixel = start; pixel < end; pixel += 1) {
    const centre = (pixel + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    const own: number[] = [];
    for (let x = low; x < high; x += 1) own.push(filter.at((x - centre + 0.5) * (1 / stretch)));
    const sum = own.reduce((total, weight) => total + weight, 0);
    for (const weight of own) weights.push(rounded(sum === 0 ? weight : weight / sum));
    first[pixel - start] = low;
    offsets[pixel - start + 1] = weights.length;
  }
  return { first, offsets, weights: Int32Array.from(weights) };
}

function rounded(weight: number): number {
  const units = weight * UNITS;
  return Math.trunc(weight < 0 ? units - 0.5 : units + 0.5);
}
