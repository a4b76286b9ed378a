/**
 * Samples kept: enough that a handful of odd shards does not move the median, few enough to sort on demand,
 * and old ones leave, so that the median follows the part of the input that is at work now.
 */
const MAX_SAMPLES = 101;

/** The time per row of the shards committed last: the median of all workers, and each worker's own last. */
export class SpeedSamples {
  readonly #samples: number[] = [];
  /** By worker name. */
  readonly #last = new Map<string, number>();
  #next = 0;
  #median: number | null = null;

  add(worker: string, msPerRow: number): void {
    this.#last.set(worker, msPerRow);
    this.#samples[this.#next] = msPerRow;
    this.#next = (this.#next + 1) % MAX_SAMPLES;
    this.#median = null;
  }

  /** Null for a worker that has not committed a shard yet. */
  lastMsPerRow(worker: string): number | null {
    return this.#last.get(worker) ?? null;
  }

  /** Null until there is a sample. */
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
