import { type SlotLimits, Slots } from "./slots.ts";

interface PeersSlots {
  readonly slots: Slots;
  /** Takers that hold a slot or wait for one. */
  takers: number;
}

/** Slots for each peer, so that one that hangs with all of its own leaves those of the others. */
export class SlotsPerPeer {
  readonly #what: string;
  readonly #limits: SlotLimits;
  readonly #peers = new Map<string, PeersSlots>();

  /** @param limits of one peer */
  constructor(what: string, limits: SlotLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  /** As {@link Slots.take}, among those of this peer. */
  async take(peer: string, signal: AbortSignal): Promise<() => void> {
    const own = this.#peers.get(peer) ?? { slots: new Slots(this.#what, this.#limits), takers: 0 };
    this.#peers.set(peer, own);
    own.takers += 1;
    try {
      const giveBack = await own.slots.take(signal);
      return () => {
        giveBack();
        this.#leave(peer, own);
      };
    } catch (error) {
      this.#leave(peer, own);
      throw error;
    }
  }

  /** How many of this peer's takers wait for one. */
  waiting(peer: string): number {
    return this.#peers.get(peer)?.slots.waiting ?? 0;
  }

  #leave(peer: string, own: PeersSlots): void {
    own.takers -= 1;
    if (own.takers === 0) this.#peers.delete(peer);
  }
}

/**
 * One slot of each, in turn; none where one cannot be had. Those of few takers first: then none has more
 * places in the queue of all than slots of its own.
 */
export async function takeEach(...takes: readonly (() => Promise<() => void>)[]): Promise<() => void> {
  const taken: (() => void)[] = [];
  const giveBack = () => {
    for (const each of taken.splice(0).reverse()) each();
  };
  try {
    for (const take of takes) taken.push(await take());
    return giveBack;
  } catch (error) {
    giveBack();
    throw error;
  }
}
