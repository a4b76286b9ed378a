import { type SoundPlan, valuesOf } from "./op.ts";
import { Spectrogram, type SpectrogramTarget } from "./spectrogram/spectrogram.ts";

/** Place of a row among the values of all rows. */
export type Target = SpectrogramTarget;

/** Samples `[start, end)` of a sound. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}

type RowPlan = Pick<SoundPlan, "channels" | "layout" | "spectrogram">;

/** Writer of the values of rows: samples, or their spectrogram. */
export class RowWriter {
  readonly #plan: RowPlan;
  readonly #spectrogram: Spectrogram | null;

  constructor(plan: RowPlan) {
    this.#plan = plan;
    this.#spectrogram = plan.spectrogram === undefined ? null : new Spectrogram(plan.spectrogram);
  }

  /** Returns the number of values that a row with this many samples has. */
  valuesOf(samples: number): number {
    return valuesOf(this.#plan, samples);
  }

  /** Writes a stretch of a sound. Yields where a caller can stop. Samples outside the sound are zero. */
  *write(channels: readonly Float32Array[], stretch: Stretch, target: Target): Generator<void> {
    if (this.#spectrogram === null) {
      writeStretch(channels, stretch, this.#plan.layout, target);
      return;
    }
    yield* this.#spectrogram.write(samplesOf(channels, stretch), target);
  }
}

/** Returns a stretch of the first channel. */
function samplesOf([data = new Float32Array()]: readonly Float32Array[], stretch: Stretch): Float32Array {
  if (stretch.start === 0 && stretch.end === data.length) return data;
  const values = new Float32Array(stretch.end - stretch.start);
  writeStretch([data], stretch, "channelsFirst", { values, at: 0 });
  return values;
}

/** Writes samples `[start, end)`. Those outside the sound stay zero. */
function writeStretch(
  channels: readonly Float32Array[],
  { start, end }: Stretch,
  layout: SoundPlan["layout"],
  { values, at }: Target,
): void {
  for (const [channel, data] of channels.entries()) {
    const from = Math.max(0, start);
    const to = Math.min(end, data.length);
    if (to <= from) continue;
    if (layout === "channelsFirst" || channels.length === 1) {
      values.set(data.subarray(from, to), at + channel * (end - start) + from - start);
      continue;
    }
    for (let sample = from; sample < to; sample += 1)
      values[at + (sample - start) * channels.length + channel] = data[sample] ?? 0;
  }
}
