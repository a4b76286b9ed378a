import { RealFft } from "./fft.ts";
import { type MelFilter, melFilters } from "./mel-filters.ts";
import { countBins, countFrames, isComplex, type SpectrogramPlan, valuesPerFrame } from "./op.ts";

/** Place of a spectrogram among other values. */
export interface SpectrogramTarget {
  readonly values: Float32Array;
  readonly at: number;
}

/** Distances between values of adjacent bins, of adjacent frames, and between the parts of one value. */
interface Places {
  readonly bin: number;
  readonly frame: number;
  readonly part: number;
}

/** Weights of cosines in a window: Hann, Hamming and Blackman, as in SciPy. */
const COSINES = {
  hann: [0.5, -0.5],
  hamming: [0.54, -0.46],
  blackman: [0.42, -0.5, 0.08],
  ones: [1],
} as const satisfies Record<SpectrogramPlan["window"], readonly number[]>;

/** Frames between two chances of a caller to stop. They take some ten milliseconds. */
const FRAMES_AT_ONCE = 512;

/** Maker of spectrograms by one plan. It computes in double precision. */
export class Spectrogram {
  readonly #plan: SpectrogramPlan;
  readonly #fft: RealFft;
  readonly #window: Float64Array;
  readonly #filters: readonly MelFilter[] | null;
  readonly #frame: Float64Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  /** Frames of all sounds so far. */
  #count = 0;

  constructor(plan: SpectrogramPlan) {
    this.#plan = plan;
    this.#fft = new RealFft(plan.nFft);
    this.#window = frameWindow(plan);
    this.#filters = plan.mel === null ? null : melFilters(plan, plan.mel);
    this.#frame = new Float64Array(plan.nFft);
    const bins = countBins({ ...plan, mel: null });
    [this.#re, this.#im] = [new Float64Array(bins), new Float64Array(bins)];
  }

  /** Writes the spectrogram of a sound. Yields after some frames, so that a caller can stop. */
  *write(samples: Float32Array, { values, at }: SpectrogramTarget): Generator<void> {
    const frames = countFrames(samples.length, this.#plan);
    const place = this.#places(frames);
    const made = values.subarray(at);
    for (let frame = 0; frame < frames; frame += 1) {
      this.#transform(samples, frame);
      if (isComplex(this.#plan)) this.#writeComplex(made, frame, place);
      else this.#writeReal(made, frame, place);
      this.#count += 1;
      if (this.#count % FRAMES_AT_ONCE === 0) yield;
    }
    this.#finish(made.subarray(0, frames * valuesPerFrame(this.#plan)));
  }

  #places(frames: number): Places {
    const { layout, values } = this.#plan;
    const bins = countBins(this.#plan);
    const wide = values === "complexLast" ? 2 : 1;
    const [bin, frame] = layout === "binsFirst" ? [frames * wide, wide] : [wide, bins * wide];
    return { bin, frame, part: values === "complexFirst" ? bins * frames : 1 };
  }

  #transform(samples: Float32Array, index: number): void {
    const { nFft, hop, pad } = this.#plan;
    const start = index * hop - (pad === "none" ? 0 : Math.floor(nFft / 2));
    const isInside = start >= 0 && start + nFft <= samples.length;
    for (let at = 0; at < nFft; at += 1) {
      const weight = this.#window[at] ?? 0;
      const place = start + at;
      const sample = isInside ? samples[place] : sampleBeyond(samples, place, pad === "reflect");
      this.#frame[at] = weight * (sample ?? 0);
    }
    this.#fft.transform(this.#frame, this.#re, this.#im);
  }

  #writeComplex(made: Float32Array, frame: number, place: Places): void {
    let to = frame * place.frame;
    for (let bin = 0; bin < this.#re.length; bin += 1, to += place.bin) {
      made[to] = this.#re[bin] ?? 0;
      made[to + place.part] = this.#im[bin] ?? 0;
    }
  }

  #writeReal(made: Float32Array, frame: number, place: Places): void {
    const isPower = this.#plan.values === "power";
    const found = this.#re;
    for (let bin = 0; bin < found.length; bin += 1) {
      const re = found[bin] ?? 0;
      const im = this.#im[bin] ?? 0;
      const power = re * re + im * im;
      found[bin] = isPower ? power : Math.sqrt(power);
    }
    let to = frame * place.frame;
    if (this.#filters === null) {
      for (let bin = 0; bin < found.length; bin += 1, to += place.bin) made[to] = found[bin] ?? 0;
      return;
    }
    for (const { start, weights } of this.#filters) {
      let sum = 0;
      for (let at = 0; at < weights.length; at += 1) sum += (weights[at] ?? 0) * (found[start + at] ?? 0);
      made[to] = sum;
      to += place.bin;
    }
  }

  /** Applies the logarithm, its limits, mean and deviation. */
  #finish(made: Float32Array): void {
    const { log, values, offset, floor, isToMax, range, mean, std } = this.#plan;
    if (log === "none" && mean === 0 && std === 1) return;
    // A decibel is a tenth of a power of ten. A magnitude is the root of a power.
    const factor = { none: 0, ln: 1, log10: 1 / Math.LN10, db: (values === "power" ? 10 : 20) / Math.LN10 }[
      log
    ];
    const logOf = (value: number) => factor * Math.log(Math.max(floor, value + offset));
    let largest = 0;
    for (const value of made) if (value > largest) largest = value;
    const top = log === "none" ? largest : logOf(largest);
    const least = range === null ? Number.NEGATIVE_INFINITY : top - range;
    const zero = mean + (isToMax ? top : 0);
    for (let at = 0; at < made.length; at += 1) {
      const value = made[at] ?? 0;
      made[at] = ((log === "none" ? value : Math.max(least, logOf(value))) - zero) / std;
    }
  }
}

/** Returns the sample of a place that may lie outside of the sound. */
function sampleBeyond(samples: Float32Array, place: number, isReflected: boolean): number {
  const { length } = samples;
  if (place >= 0 && place < length) return samples[place] ?? 0;
  if (!isReflected) return 0;
  if (length === 1) return samples[0] ?? 0;
  // The sound is followed by its reverse, without its ends twice.
  const period = 2 * (length - 1);
  const within = ((place % period) + period) % period;
  return samples[within < length ? within : period - within] ?? 0;
}

/** Makes the periodic window of a frame, with zeros around it up to the transform's length. */
function frameWindow(
  plan: Pick<SpectrogramPlan, "window" | "winLength" | "nFft" | "isRounded">,
): Float64Array {
  const { window, winLength, nFft, isRounded } = plan;
  // The roundings of torch.hann_window. They change a weight by up to 3e-7, and so the silence near a tone.
  const round = isRounded ? Math.fround : (value: number) => value;
  const turn = round((2 * Math.PI) / winLength);
  const made = new Float64Array(nFft);
  const before = Math.floor((nFft - winLength) / 2);
  for (let at = 0; at < winLength; at += 1) {
    made[before + at] = COSINES[window].reduce<number>(
      (sum, weight, order) => round(sum + round(weight * round(Math.cos(order * round(turn * at))))),
      0,
    );
  }
  return made;
}
