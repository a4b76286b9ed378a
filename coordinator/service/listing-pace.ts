import { systemClock, type Timers } from "../../shared/core/clock.ts";
import { Slots } from "../../shared/core/slots.ts";

/**
 * What an entry of a list costs the thread, to make, encode and send: the pause after a list is that many
 * times as long.
 */
const PAUSE_MS_PER_ENTRY = 0.1;
/** Whoever asks when so many wait already asks again later. */
const WAITING = 32;

/**
 * Lists of everything that a coordinator knows, one at a time: a list of thousands of workers takes the
 * thread for longer than any other call, and who asks for it without end would have nothing else done. After
 * each there is a pause in proportion.
 */
export class ListingPace {
  readonly #turns = new Slots("lists", { slots: 1, waiting: WAITING });
  readonly #timers: Timers;

  constructor(timers: Timers = systemClock) {
    this.#timers = timers;
  }

  /** @throws {RESOURCE_EXHAUSTED} when too many wait already */
  async list<T>(make: () => readonly T[], signal: AbortSignal): Promise<readonly T[]> {
    const giveBack = await this.#turns.take(signal);
    let entries = 0;
    try {
      const list = make();
      entries = list.length;
      return list;
    } finally {
      this.#timers.after(entries * PAUSE_MS_PER_ENTRY, giveBack);
    }
  }
}
