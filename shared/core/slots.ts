import { deferred, orAbort } from "./abort.ts";
import { ShardmillError } from "./errors.ts";

export interface SlotLimits {
  /** How many may hold a slot at once. */
  readonly slots: number;
  /** How many may wait for one. */
  readonly waiting: number;
}

/** A bounded number of slots, first come first served, and a bounded queue for them. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #what: string;
  #free: number;
  readonly #queue: (() => void)[] = [];

  /** `what` names the slots in the refusal: `uploads`. */
  constructor(what: string, limits: SlotLimits) {
    this.#what = what;
    this.#limits = limits;
    this.#free = limits.slots;
  }

  /**
   * Resolves with the function that gives the slot back; call it once.
   *
   * @throws {RESOURCE_EXHAUSTED} when the queue is full; the signal's reason when it aborts before there is a slot
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return () => this.#giveBack();
    }
    if (this.#queue.length >= this.#limits.waiting) {
      throw new ShardmillError("RESOURCE_EXHAUSTED", `too many ${this.#what} at once`, {
        fields: { atOnce: this.#limits.slots, waiting: this.#limits.waiting },
        hint: "the request may be repeated later",
      });
    }
    const turn = deferred<void>();
    const granted = () => turn.resolve();
    this.#queue.push(granted);
    try {
      await orAbort(turn.promise, signal);
    } catch (error) {
      const place = this.#queue.indexOf(granted);
      // No longer queued: the slot was handed over in the same turn as the abort.
      if (place < 0) this.#giveBack();
      else this.#queue.splice(place, 1);
      throw error;
    }
    return () => this.#giveBack();
  }

  #giveBack(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
