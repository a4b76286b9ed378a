import { systemClock, type Timers } from "../../shared/core/clock.ts";
import { Slots } from "../../shared/core/slots.ts";

/** Pause per entry of the previous list: the thread's time to make, encode and send an entry. */
const PAUSE_MS_PER_ENTRY = 0.1;
/** Limit of callers that wait for a list. Further callers are refused and ask again later. */
const WAITING = 32;

/**
 * Makes lists of everything that a coordinator knows, one at a time. A list of thousands of workers blocks
 * the thread longer than any other call. Without a limit, one caller could block all other work. After each
 * list there is a pause in proportion to its length.
 */
export class ListingPace {
  readonly #turns = new Slots("lists", { slots: 1, waiting: WAITING });
  readonly #timers: Timers;

  constructor(timers: Timers = systemClock) {
    this.#timers = timers;
  }

  /** @throws {RESOURCE_EXHAUSTED} when too many callers wait already */
  async list<T>(make: () => readonly T[], signal: AbortSignal): Promise<readonly T[]> {
    const release = await this.#turns.take(signal);
    let entries = 0;
    try {
      const list = make();
      entries = list.length;
      return list;
    } finally {
      this.#timers.after(entries * PAUSE_MS_PER_ENTRY, release);
    }
  }
}
