type Library = Awaited<ReturnType<typeof import("@alexanderolsen/libsamplerate-js")["create"]>>;

/** Sinc, 121 dB above its own noise, over 90 % of the band. The best takes five times as long. */
const SINC_MEDIUM = 1;

/** Sounds of other rates than these are kept ready: a new one takes up to a tenth of a second. */
const MOST_KEPT = 8;

/** Floats that the library takes at once. */
const MOST_FLOATS = 65_536;

/** Longer than its filter at any ratio that it takes, in samples of the lower rate. */
const TAIL_SAMPLES = 256;

/** The ratios that the library takes, and the rates. */
const MOST_RATIO = 256;
const MOST_RATE = 192_000;

export interface Rates {
  readonly from: number;
  readonly to: number;
}

export function canResample(rates: Rates): boolean {
  const { from, to } = inLowestTerms(rates);
  return from * MOST_RATIO >= to && to * MOST_RATIO >= from && Math.max(from, to) <= MOST_RATE;
}

/** All that matters is how they are to each other: 384,000 to 16,000 is 24 to 1. */
function inLowestTerms({ from, to }: Rates): Rates {
  let [divisor, rest] = [from, to];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return { from: from / divisor, to: to / divisor };
}

const kept = new Map<string, Library>();

/**
 * Samples of one sound at another rate: `ceil(samples * to / from)` of them, the first in its place. What
 * comes out does not depend on the pieces that go in.
 */
export class Resampler {
  readonly #library: Library;
  readonly #channels: number;
  readonly #rates: Rates;
  #in = 0;
  #out = 0;

  private constructor(library: Library, channels: number, rates: Rates) {
    this.#library = library;
    this.#channels = channels;
    this.#rates = rates;
  }

  /** One at a time in a thread. */
  static async open(channels: number, given: Rates): Promise<Resampler> {
    const rates = inLowestTerms(given);
    const key = `${channels} ${rates.from} ${rates.to}`;
    let library = kept.get(key);
    if (library === undefined) {
      const { default: loaded } = await import("@alexanderolsen/libsamplerate-js");
      library = await loaded.create(channels, rates.from, rates.to, { converterType: SINC_MEDIUM });
      const [oldest] = kept.keys();
      if (kept.size >= MOST_KEPT && oldest !== undefined) {
        kept.get(oldest)?.destroy();
        kept.delete(oldest);
      }
      kept.set(key, library);
    }
    // Forgets the sound before.
    library.nChannels = channels;
    return new Resampler(library, channels, rates);
  }

  /** @param block of each channel as many samples */
  write(block: readonly Float32Array[]): readonly Float32Array[] {
    const samples = block[0]?.length ?? 0;
    this.#in += samples;
    const made: Float32Array[] = [];
    const most = Math.floor(MOST_FLOATS / this.#channels / Math.max(1, this.#rates.to / this.#rates.from));
    for (let start = 0; start < samples; start += most)
      made.push(this.#library.full(interleaved(block, start, Math.min(samples, start + most))));
    const channels = apart(made, this.#channels);
    this.#out += channels[0]?.length ?? 0;
    return channels;
  }

  /** The samples that the last ones were held back for. */
  end(): readonly Float32Array[] {
    const { from, to } = this.#rates;
    const left = Math.ceil((this.#in * to) / from) - this.#out;
    const zeros = new Float32Array(Math.ceil(TAIL_SAMPLES * Math.max(1, from / to)));
    const tail = this.write(Array.from({ length: this.#channels }, () => zeros));
    return tail.map((data) => data.subarray(0, left));
  }
}

function interleaved(block: readonly Float32Array[], start: number, end: number): Float32Array {
  const made = new Float32Array((end - start) * block.length);
  for (const [channel, data] of block.entries()) {
    for (let at = start, to = channel; at < end; at += 1, to += block.length) made[to] = data[at] ?? 0;
  }
  return made;
}

function apart(pieces: readonly Float32Array[], channels: number): readonly Float32Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0) / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const made = new Float32Array(length);
    let to = 0;
    for (const piece of pieces) {
      for (let at = channel; at < piece.length; at += channels, to += 1) made[to] = piece[at] ?? 0;
    }
    return made;
  });
}
