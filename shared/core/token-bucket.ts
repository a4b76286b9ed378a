/** Rate of a bucket, and its largest burst. */
export interface Rate {
  /** Amount that refills each second. */
  readonly perS: number;
  /** Amount that may be taken at once after a pause. */
  readonly burst: number;
}

/** Bucket that refills at a steady rate. The caller supplies the time. */
export class TokenBucket {
  readonly #rate: Rate;
  #level: number;
  #atMs: number;

  /** Makes a full bucket. */
  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#level = rate.burst;
    this.#atMs = nowMs;
  }

  /**
   * Takes all of `amount`, or nothing. An amount above the burst needs a full bucket, which then owes the
   * rest. Otherwise it could never be taken.
   *
   * @returns 0, or the milliseconds until the amount is available
   */
  take(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    const needed = Math.min(amount, this.#rate.burst);
    if (this.#level >= needed) {
      this.#level -= amount;
      return 0;
    }
    return Math.ceil(((needed - this.#level) / this.#rate.perS) * 1_000);
  }

  /** Checks whether the bucket is full, as if unused. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#level >= this.#rate.burst;
  }

  /** Refills for the passed time. A clock that goes back changes nothing. */
  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#level = Math.min(this.#rate.burst, this.#level + (passedMs / 1_000) * this.#rate.perS);
  }
}
