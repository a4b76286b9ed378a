import { callerKey } from "../../shared/access/callers.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SlotsPerPeer, takeEach } from "../../shared/core/slots-per-peer.ts";
import type { Who } from "../../shared/wire/server-call.ts";
import type { Patience } from "../../shared/wire/streams.ts";

export interface FlightLimits {
  /** Streams that are open at once, of all connections. */
  readonly streams: number;
  /** ... and of one. */
  readonly streamsOfOne: number;
  /** ... and of all connections of one identity. */
  readonly streamsOfIdentity: number;
  /** Calls that open files for what they say of them: GetFlightInfo, GetSchema, ListFlights. */
  readonly looks: number;
  /** How long a reader may take nothing in while nobody waits for its turn. */
  readonly readerMs: number;
  /** ... and while somebody does. */
  readonly wantedMs: number;
}

/**
 * `streams`: each holds a file open, its decoder, and about twice a row group. `streamsOfOne`: a quarter,
 * so that a client that hangs leaves most to the others; a thread that decodes for four is busy.
 * `streamsOfIdentity`: half, so that whoever hangs with many processes leaves the others as much. `looks`:
 * each reads a footer or a manifest. `readerMs`: people look at what came with the stream open, much
 * longer than a worker would. `wantedMs`: longer than a client that reads takes for 1.5 MiB over a bad
 * line, and short enough to wait for.
 */
const LIMITS: FlightLimits = {
  streams: 16,
  streamsOfOne: 4,
  streamsOfIdentity: 8,
  looks: 8,
  readerMs: 15 * 60_000,
  wantedMs: 20_000,
};

/** Of more than these, a call is refused. */
const WAITING = 4_096;

/**
 * Whose turn it is to be read or looked at. Streams wait in the order in which they were opened, which is the
 * one that most clients read them in.
 */
export class FlightTurns implements Patience {
  readonly lookMs: number;
  readonly #limits: FlightLimits;
  readonly #own: SlotsPerPeer;
  readonly #ofIdentity: SlotsPerPeer;
  readonly #all: Slots;
  readonly #looks: Slots;

  constructor(given: Partial<FlightLimits> = {}) {
    const limits = { ...LIMITS, ...given };
    this.#limits = limits;
    this.lookMs = Math.min(limits.wantedMs / 4, limits.readerMs);
    this.#own = new SlotsPerPeer("streams", { slots: limits.streamsOfOne, waiting: WAITING });
    this.#ofIdentity = new SlotsPerPeer("streams", { slots: limits.streamsOfIdentity, waiting: WAITING });
    this.#all = new Slots("streams", { slots: limits.streams, waiting: WAITING });
    this.#looks = new Slots("looks at flights", { slots: limits.looks, waiting: WAITING });
  }

  /** @returns what gives the turn back */
  takeStream(who: Who, signal: AbortSignal): Promise<() => void> {
    return takeEach(
      () => this.#own.take(who.peer, signal),
      () => this.#ofIdentity.take(callerKey(who), signal),
      () => this.#all.take(signal),
    );
  }

  async look<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const giveBack = await this.#looks.take(signal);
    try {
      return await look();
    } finally {
      giveBack();
    }
  }

  mostMs(who: Who): number {
    const isWantedByItself = this.#own.waiting(who.peer) + this.#ofIdentity.waiting(callerKey(who)) > 0;
    const isWanted = this.#all.waiting > 0 || isWantedByItself;
    return isWanted ? this.#limits.wantedMs : this.#limits.readerMs;
  }
}
