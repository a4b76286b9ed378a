import { deferred, orAbort } from "./abort.ts";
import { systemClock, type Timers } from "./clock.ts";
import { ShardmillError } from "./errors.ts";

export interface SlotLimits {
  /** How many may hold a slot at once. */
  readonly slots: number;
  /** How many may wait for one. */
  readonly waiting: number;
  /** How long each may wait. Left out: for ever. */
  readonly waitMs?: number;
}

/** A bounded number of slots, first come first served, and a bounded queue for them. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #what: string;
  readonly #timers: Timers;
  #free: number;
  readonly #queue: (() => void)[] = [];

  /** `what` names the slots in the refusal: `uploads`. */
  constructor(what: string, limits: SlotLimits, timers: Timers = systemClock) {
    this.#what = what;
    this.#timers = timers;
    this.#limits = limits;
    this.#free = limits.slots;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Resolves with the function that gives the slot back; call it once.
   *
   * @throws {RESOURCE_EXHAUSTED} when the queue is full, or none came free in time; the signal's reason when
   * it aborts before there is a slot
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return () => this.#giveBack();
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
      // No longer queued: the slot was handed over in the same turn as the refusal.
      if (place < 0) this.#giveBack();
      else this.#queue.splice(place, 1);
      throw error;
    } finally {
      callOff();
    }
    return () => this.#giveBack();
  }

  #tooMany(): ShardmillError {
    const { slots: atOnce, waiting } = this.#limits;
    return new ShardmillError("RESOURCE_EXHAUSTED", `too many ${this.#what} at once`, {
      fields: { atOnce, waiting },
      hint: "the request may be repeated later",
    });
  }

  #giveBack(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
