import type { Slots } from "../../shared/core/slots.ts";

/**
 * Slot of a job that is being planned. There are few slots, so a job that waits for something else frees its
 * own.
 */
export class PlanningSlot implements Disposable {
  readonly #slots: Slots;
  readonly #signal: AbortSignal;
  #release: (() => void) | null;

  private constructor(slots: Slots, release: () => void, signal: AbortSignal) {
    this.#slots = slots;
    this.#signal = signal;
    this.#release = release;
  }

  /**
   * @throws {RESOURCE_EXHAUSTED} when too many jobs wait
   * @throws the signal's reason when the signal aborts
   */
  static async take(slots: Slots, signal: AbortSignal): Promise<PlanningSlot> {
    return new PlanningSlot(slots, await slots.take(signal), signal);
  }

  /**
   * Runs `task` without the slot, then takes a slot again. For tasks with a bound of their own, such as the
   * SQL check.
   */
  readonly withoutSlot = async <T>(task: () => Promise<T>): Promise<T> => {
    this[Symbol.dispose]();
    const done = await task();
    this.#release = await this.#slots.take(this.#signal);
    return done;
  };

  [Symbol.dispose](): void {
    this.#release?.();
    this.#release = null;
  }
}
