import { inLowestTerms, type Rates } from "./rates.ts";
import { type ResampleWeights, resampleWeights } from "./resample-weights.ts";

/** Largest ratio of rates. Real sounds and models need less, and the filter grows with it. */
const MOST_RATIO = 256;

/** Limit of cached filters. A new one needs at most a tenth of a second. */
const MOST_KEPT = 8;

const EMPTY = new Float64Array();

/** Cached weights by rates. */
const cached = new Map<string, ResampleWeights>();

export function canResample({ from, to }: Rates): boolean {
  return from * MOST_RATIO >= to && to * MOST_RATIO >= from;
}

function weightsOf(rates: Rates): ResampleWeights {
  const key = `${rates.from} ${rates.to}`;
  let weights = cached.get(key);
  if (weights === undefined) {
    weights = resampleWeights(rates);
    const [oldest] = cached.keys();
    if (cached.size >= MOST_KEPT && oldest !== undefined) cached.delete(oldest);
    cached.set(key, weights);
  }
  return weights;
}

/**
 * Resampler of one sound, like soxr at quality HQ. The division of the input into pieces does not change the
 * output. Like librosa, it makes `ceil(samples * to / from)` samples. soxr rounds, and librosa then adds a
 * zero.
 */
export class Resampler {
  readonly #rates: Rates;
  readonly #weights: ResampleWeights;
  /** Input samples that are still needed, by channel. */
  #pending: readonly Float64Array[];
  /** Number of the first pending sample in the input. */
  #dropped: number;
  #in = 0;
  #out = 0;

  constructor(channels: number, rates: Rates) {
    this.#rates = inLowestTerms(rates);
    this.#weights = weightsOf(this.#rates);
    const { reach } = this.#weights;
    this.#pending = Array.from({ length: channels }, () => new Float64Array(reach - 1));
    this.#dropped = 1 - reach;
  }

  /** @param block equally many samples of each channel */
  write(block: readonly Float32Array[]): readonly Float32Array[] {
    this.#in += block[0]?.length ?? 0;
    return this.#push(block, Infinity);
  }

  /** Returns the last samples, which would need input after the end. Zeros replace that input. */
  end(): readonly Float32Array[] {
    const { from, to } = this.#rates;
    const exact = (this.#in * to) / from;
    const missing = Math.ceil(exact) - this.#out;
    const zeros = new Float32Array(this.#weights.reach + Math.ceil(from / to));
    const rest = this.#push(
      this.#pending.map(() => zeros),
      Math.floor(exact + 0.5),
    );
    return rest.map((data) => {
      const ended = new Float32Array(missing);
      ended.set(data);
      return ended;
    });
  }

  /** Makes all samples before `most` whose input is complete. */
  #push(block: readonly Float32Array[], most: number): readonly Float32Array[] {
    const { from, to } = this.#rates;
    this.#pending = this.#pending.map((before, channel) => joined(before, block[channel]));
    const known = this.#dropped + (this.#pending[0]?.length ?? 0) - this.#weights.reach;
    const end = Math.max(this.#out, Math.min(most, Math.ceil((known * to) / from)));
    const made = this.#pending.map((data) => this.#resample(data, end));
    this.#out = end;
    const needed = Math.floor((end * from) / to) - this.#weights.reach + 1;
    const drop = Math.min(needed - this.#dropped, this.#pending[0]?.length ?? 0);
    this.#pending = this.#pending.map((data) => data.slice(drop));
    this.#dropped += drop;
    return made;
  }

  #resample(data: Float64Array, end: number): Float32Array {
    const { from, to } = this.#rates;
    const { reach, byPhase, first, phases } = this.#weights;
    const made = new Float32Array(end - this.#out);
    for (let at = 0; at < made.length; at += 1) {
      const place = (this.#out + at) * from;
      const phase = place % to;
      const start = (place - phase) / to - reach + 1 - this.#dropped;
      const own = first[this.#out + at] ?? (phases === to ? byPhase[phase + 1] : undefined);
      made[at] =
        own === undefined
          ? between((phase / to) * phases, (index) => dot(byPhase[index + 1] ?? EMPTY, data, start))
          : dot(own, data, start);
    }
    return made;
  }
}

/** Interpolates between four values around `place` by Lagrange's cubic. */
function between(place: number, value: (index: number) => number): number {
  const index = Math.floor(place);
  const x = place - index;
  return (
    (value(index - 1) * -x * (x - 1) * (x - 2)) / 6 +
    (value(index) * (x + 1) * (x - 1) * (x - 2)) / 2 -
    (value(index + 1) * (x + 1) * x * (x - 2)) / 2 +
    (value(index + 2) * (x + 1) * x * (x - 1)) / 6
  );
}

/** Returns the dot product. Four sums let the processor overlap additions. */
function dot(row: Float64Array, data: Float64Array, start: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const { length } = row;
  let tap = 0;
  let at = start;
  for (; tap + 3 < length; tap += 4, at += 4) {
    a += (row[tap] ?? 0) * (data[at] ?? 0);
    b += (row[tap + 1] ?? 0) * (data[at + 1] ?? 0);
    c += (row[tap + 2] ?? 0) * (data[at + 2] ?? 0);
    d += (row[tap + 3] ?? 0) * (data[at + 3] ?? 0);
  }
  for (; tap < length; tap += 1, at += 1) a += (row[tap] ?? 0) * (data[at] ?? 0);
  return a + b + (c + d);
}

function joined(before: Float64Array, block: Float32Array | undefined): Float64Array {
  if (block === undefined) return before;
  const made = new Float64Array(before.length + block.length);
  made.set(before);
  made.set(block, before.length);
  return made;
}
