import { type SlotLimits, Slots } from "./slots.ts";

interface PeersSlots {
  readonly slots: Slots;
  /** Takers that hold a slot or wait for one. */
  takers: number;
}

/** Slots for each peer, so that a hanging peer blocks only its own. */
export class SlotsPerPeer {
  readonly #what: string;
  readonly #limits: SlotLimits;
  readonly #peers = new Map<string, PeersSlots>();

  /** @param limits limits of one peer */
  constructor(what: string, limits: SlotLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  /** Takes a slot of this peer, like {@link Slots.take}. */
  async take(peer: string, signal: AbortSignal): Promise<() => void> {
    const own = this.#peers.get(peer) ?? { slots: new Slots(this.#what, this.#limits), takers: 0 };
    this.#peers.set(peer, own);
    own.takers += 1;
    try {
      const release = await own.slots.take(signal);
      return () => {
        release();
        this.#leave(peer, own);
      };
    } catch (error) {
      this.#leave(peer, own);
      throw error;
    }
  }

  /** Returns the number of this peer's takers that wait. */
  waiting(peer: string): number {
    return this.#peers.get(peer)?.slots.waiting ?? 0;
  }

  #leave(peer: string, own: PeersSlots): void {
    own.takers -= 1;
    if (own.takers === 0) this.#peers.delete(peer);
  }
}

/**
 * Takes one slot of each, in turn, or none. List slots of few takers first. Then no taker waits in more
 * shared queues than it has slots of its own.
 */
export async function takeEach(...takes: readonly (() => Promise<() => void>)[]): Promise<() => void> {
  const taken: (() => void)[] = [];
  const release = () => {
    for (const each of taken.splice(0).reverse()) each();
  };
  try {
    for (const take of takes) taken.push(await take());
    return release;
  } catch (error) {
    release();
    throw error;
  }
}
