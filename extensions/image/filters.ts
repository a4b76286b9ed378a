import type { PILLOW_FILTERS } from "./op.ts";

/** Those that make a pixel of all that lie under it. */
type Convolution = Exclude<(typeof PILLOW_FILTERS)[number], "nearest">;

/** A kernel of a convolution: its values, and how far from its centre it reaches. */
interface Filter {
  readonly support: number;
  readonly at: (x: number) => number;
}

/** Those of Pillow (src/libImaging/Resample.c): bicubic with a = -0.5, Lanczos with three lobes. */
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

/** Weights are whole numbers of this many fractional bits: 8 bits of a sum are the pixel, 2 are room. */
export const WEIGHT_BITS = 22;
const UNITS = 2 ** WEIGHT_BITS;

/** What pixels of a scaled line are made of, each of a stretch of pixels of the line before. */
export interface Taps {
  /** By pixel: the first pixel of its stretch. */
  readonly first: Int32Array;
  /** By pixel: where its weights begin; one more at the end. */
  readonly offsets: Int32Array;
  readonly weights: Int32Array;
}

/** Images of one data set are of few sizes, and those of a thread come one after the other. */
const KEPT_TAPS = 16;
const keptTaps = new Map<string, Taps>();

/**
 * How a line of `from` pixels becomes one of `to`, for the pixels `[start, end)` of it: Pillow's
 * `precompute_coeffs`. Where a line becomes shorter the kernel is stretched, so that every pixel counts.
 * Those of late are kept; nobody may change them.
 */
export function tapsOf(
  resample: Convolution,
  from: number,
  to: number,
  [start, end]: readonly [number, number],
): Taps {
  const key = `${resample} ${from} ${to} ${start} ${end}`;
  const kept = keptTaps.get(key);
  if (kept !== undefined) return kept;
  const taps = computeTaps(resample, from, to, [start, end]);
  const [oldest] = keptTaps.keys();
  if (keptTaps.size >= KEPT_TAPS && oldest !== undefined) keptTaps.delete(oldest);
  keptTaps.set(key, taps);
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
