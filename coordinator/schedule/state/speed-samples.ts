/**
 * Limit of samples. A few odd shards must not move the median, and sorting must stay cheap. Old samples are
 * dropped, so the median follows the current part of the input.
 */
const MAX_SAMPLES = 101;

/** Time per row of the newest commits: the median over all workers, and the last value of each one. */
export class SpeedSamples {
  readonly #samples: number[] = [];
  /** Last value by worker name. */
  readonly #last = new Map<string, number>();
  #next = 0;
  #median: number | null = null;

  add(worker: string, msPerRow: number): void {
    this.#last.set(worker, msPerRow);
    this.#samples[this.#next] = msPerRow;
    this.#next = (this.#next + 1) % MAX_SAMPLES;
    this.#median = null;
  }

  /** Null: the worker has not committed a shard yet. */
  lastMsPerRow(worker: string): number | null {
    return this.#last.get(worker) ?? null;
  }

  /** Null: there is no sample yet. */
  get medianMsPerRow(): number | null {
    if (this.#samples.length === 0) return null;
    this.#median ??= median(this.#samples);
    return this.#median;
  }
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
