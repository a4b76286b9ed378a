import { deferred, orAbort } from "./abort.ts";
import { systemClock, type Timers } from "./clock.ts";
import { ShardmillError } from "./errors.ts";

export interface SlotLimits {
  /** Limit of slots held at once. */
  readonly slots: number;
  /** Limit of waiting takers. */
  readonly waiting: number;
  /** Limit of each wait. Default: none. */
  readonly waitMs?: number;
}

/** Limited number of slots, first come first served, with a limited queue. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #what: string;
  readonly #timers: Timers;
  #free: number;
  readonly #queue: (() => void)[] = [];

  /** @param what names the slots in the refusal: `uploads` */
  constructor(what: string, limits: SlotLimits, timers: Timers = systemClock) {
    this.#what = what;
    this.#timers = timers;
    this.#limits = limits;
    this.#free = limits.slots;
  }

  /** Number of waiting takers. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Resolves with the function that releases the slot. Call it once.
   *
   * @throws {RESOURCE_EXHAUSTED} when the queue is full, or no slot became free in time
   * @throws the signal's reason when it aborts first
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return () => this.#release();
    }
    const { waiting, waitMs } = this.#limits;
    if (this.#queue.length >= waiting) throw this.#tooMany();
    const turn = deferred<void>();
    const callOff =
      waitMs === undefined ? () => {} : this.#timers.after(waitMs, () => turn.reject(this.#tooMany()));
    const granted = () => turn.resolve();
    this.#queue.push(granted);
    try {
      await orAbort(turn.promise, signal);
    } catch (error) {
      const place = this.#queue.indexOf(granted);
      // No longer queued: the slot was granted in the same turn as the refusal.
      if (place < 0) this.#release();
      else this.#queue.splice(place, 1);
      throw error;
    } finally {
      callOff();
    }
    return () => this.#release();
  }

  #tooMany(): ShardmillError {
    const { slots: atOnce, waiting } = this.#limits;
    return new ShardmillError("RESOURCE_EXHAUSTED", `too many ${this.#what} at once`, {
      fields: { atOnce, waiting },
      hint: "repeat the request later",
    });
  }

  #release(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
