import type { Slots } from "../../shared/core/slots.ts";

/**
 * Slot of a job that is being planned. There are few slots, so a job that waits for something else frees its
 * own.
 */
export class PlanningSlot implements Disposable {
  readonly #slots: Slots;
  readonly #signal: AbortSignal;
  #giveBack: (() => void) | null;

  private constructor(slots: Slots, giveBack: () => void, signal: AbortSignal) {
    this.#slots = slots;
    this.#signal = signal;
    this.#giveBack = giveBack;
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
  readonly aside = async <T>(task: () => Promise<T>): Promise<T> => {
    this[Symbol.dispose]();
    const done = await task();
    this.#giveBack = await this.#slots.take(this.#signal);
    return done;
  };

  [Symbol.dispose](): void {
    this.#giveBack?.();
    this.#giveBack = null;
  }
}
