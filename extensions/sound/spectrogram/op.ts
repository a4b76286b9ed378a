import type { Zod } from "../../../shared/core/zod.ts";

/** Limit of a prime factor. The transform takes time by the largest. */
const MOST_FACTOR = 127;

/** Windows of a frame. All are periodic. */
export const FRAME_WINDOWS = ["hann", "hamming", "blackman", "ones"] as const;

/** Samples before and after a sound, so that frames are around their moments. `none`: there are none. */
export const FRAME_PADS = ["reflect", "zeros", "none"] as const;

/** Values of a bin. A complex one is two values, behind each other or as two spectrograms. */
export const BIN_VALUES = ["power", "magnitude", "complexLast", "complexFirst"] as const;

/** Scales of mel filters: by Slaney's Auditory Toolbox, or by HTK. */
export const MEL_SCALES = ["slaney", "htk"] as const;

/** Norms of mel filters: all of one area, or all of one height. */
export const MEL_NORMS = ["slaney", "none"] as const;

/** Logarithms of the values. */
export const LOGS = ["none", "ln", "log10", "db"] as const;

/** Orders of a spectrogram's dimensions. */
export const SPECTROGRAM_LAYOUTS = ["binsFirst", "framesFirst"] as const;

/** Mel filters over the bins of a transform. */
export interface MelPlan {
  readonly mels: number;
  readonly fMin: number;
  readonly fMax: number;
  readonly scale: (typeof MEL_SCALES)[number];
  readonly norm: (typeof MEL_NORMS)[number];
}

/** Plan by which samples become a spectrogram. Plain JSON. */
export interface SpectrogramPlan {
  /** Samples a second. */
  readonly rate: number;
  /** Samples of the transform. */
  readonly nFft: number;
  /** Samples of the window, in the middle of the transform. */
  readonly winLength: number;
  /** Samples from the start of one frame to the start of the next. */
  readonly hop: number;
  readonly window: (typeof FRAME_WINDOWS)[number];
  /** True when windows and filters are computed in float32, as in torchaudio. */
  readonly isRounded: boolean;
  readonly pad: (typeof FRAME_PADS)[number];
  /** True when the last frame is dropped. */
  readonly dropLast: boolean;
  readonly values: (typeof BIN_VALUES)[number];
  /** Null: the bins of the transform. */
  readonly mel: MelPlan | null;
  readonly log: (typeof LOGS)[number];
  /** Number that is added before the logarithm. */
  readonly offset: number;
  /** Least value for the logarithm. */
  readonly floor: number;
  /** True when the logarithm of the largest value becomes 0. */
  readonly isToMax: boolean;
  /** Distance of the least value behind the logarithm from the largest. Null: any. */
  readonly range: number | null;
  /** Numbers of `(value - mean) / std`, behind everything else. */
  readonly mean: number;
  readonly std: number;
  readonly layout: (typeof SPECTROGRAM_LAYOUTS)[number];
}

/** Builds the schema of a plan. */
export function spectrogramPlan(z: Zod) {
  const count = z.int().min(1);
  const mel = { mels: count, fMin: z.number(), fMax: z.number() };
  return z.object({
    ...{ rate: count, nFft: count, winLength: count, hop: count },
    window: z.enum(FRAME_WINDOWS),
    isRounded: z.boolean(),
    pad: z.enum(FRAME_PADS),
    dropLast: z.boolean(),
    values: z.enum(BIN_VALUES),
    mel: z.object({ ...mel, scale: z.enum(MEL_SCALES), norm: z.enum(MEL_NORMS) }).nullable(),
    log: z.enum(LOGS),
    ...{ offset: z.number(), floor: z.number(), isToMax: z.boolean(), range: z.number().nullable() },
    ...{ mean: z.number(), std: z.number() },
    layout: z.enum(SPECTROGRAM_LAYOUTS),
  });
}

/** Returns the number of frames of a sound. */
export function countFrames(samples: number, { nFft, hop, pad, dropLast }: SpectrogramPlan): number {
  const padded = pad === "none" ? samples - nFft : samples + 2 * Math.floor(nFft / 2) - nFft;
  const frames = padded < 0 || samples === 0 ? 0 : 1 + Math.floor(padded / hop);
  return Math.max(0, frames - (dropLast ? 1 : 0));
}

/** Returns the fewest samples that give this number of frames. */
export function samplesOfFrames(frames: number, { nFft, hop, pad, dropLast }: SpectrogramPlan): number {
  const hops = (dropLast ? frames : frames - 1) * hop;
  return Math.max(1, pad === "none" ? nFft + hops : hops);
}

/** Returns the number of bins of a frame. */
export function countBins({ nFft, mel }: SpectrogramPlan): number {
  return mel === null ? Math.floor(nFft / 2) + 1 : mel.mels;
}

export function isComplex({ values }: Pick<SpectrogramPlan, "values">): boolean {
  return values === "complexLast" || values === "complexFirst";
}

/** Returns the number of values of a frame. */
export function valuesPerFrame(plan: SpectrogramPlan): number {
  return countBins(plan) * (isComplex(plan) ? 2 : 1);
}

/** Returns the dimensions of a spectrogram. */
export function spectrogramDims<T>(plan: SpectrogramPlan, frames: T): readonly (number | T)[] {
  const inLayout = { binsFirst: [countBins(plan), frames], framesFirst: [frames, countBins(plan)] };
  const dims = inLayout[plan.layout];
  if (!isComplex(plan)) return dims;
  return plan.values === "complexFirst" ? [2, ...dims] : [...dims, 2];
}

/** Describes a spectrogram: `80 mels of 400 samples, one every 160, log10`. */
export function spectrogramText(plan: SpectrogramPlan): string {
  const { mel, nFft, hop, values, log, layout } = plan;
  const kind = { power: "power", magnitude: "magnitude", complexLast: "complex", complexFirst: "complex" };
  return [
    mel === null ? `${kind[values]} of ${countBins(plan)} bins` : `${mel.mels} mels`,
    `from ${nFft} samples every ${hop}`,
    ...(log === "none" ? [] : [log]),
    layout,
  ].join(", ");
}

/** Checks whether there is a transform of a length. */
export function canTransform(length: number): boolean {
  return length > 1 && radixes(length).every((radix) => radix <= MOST_FACTOR);
}

/** Factors a length into fours and primes, ascending. */
export function radixes(length: number): readonly number[] {
  const found: number[] = [];
  let rest = length;
  for (const radix of [4, 2]) {
    for (; rest % radix === 0; rest /= radix) found.push(radix);
  }
  for (let radix = 3; rest > 1; radix += 2) {
    if (radix * radix > rest) radix = rest;
    for (; rest % radix === 0; rest /= radix) found.push(radix);
  }
  return found;
}
