import type { Slots } from "../../shared/core/slots.ts";

/**
 * A job's slot for being planned, of which there are few. Another job has it while this one waits for
 * something else.
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

  /** @throws {RESOURCE_EXHAUSTED} when too many wait; the signal's reason */
  static async take(slots: Slots, signal: AbortSignal): Promise<PlanningSlot> {
    return new PlanningSlot(slots, await slots.take(signal), signal);
  }

  /**
   * Does `task` without the slot, and takes one again after it: for what has a bound of its own, as the check
   * of SQL.
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
