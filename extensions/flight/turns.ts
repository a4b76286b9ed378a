import { callerKey } from "../../shared/access/callers.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SlotsPerPeer, takeEach } from "../../shared/core/slots-per-peer.ts";
import type { Who } from "../../shared/wire/server-call.ts";
import type { Patience } from "../../shared/wire/streams.ts";

export interface FlightLimits {
  /** Limit of open streams over all connections. */
  readonly streams: number;
  /** Limit of one connection's open streams. */
  readonly streamsOfOne: number;
  /** Limit of open streams over all connections of one identity. */
  readonly streamsOfIdentity: number;
  /** Limit of calls that open files for metadata: GetFlightInfo, GetSchema, ListFlights. */
  readonly looks: number;
  /** Time limit of an idle reader while no other stream waits for a turn. */
  readonly readerMs: number;
  /** Time limit of an idle reader while another stream waits. */
  readonly wantedMs: number;
}

/**
 * Default limits, with these reasons:
 *
 * - `streams`: each has an open file, its decoder, and about two row groups in memory.
 * - `streamsOfOne`: a quarter, so that a stalled client leaves most to others. Decoding four keeps a thread
 *   busy.
 * - `streamsOfIdentity`: half, so that many stalled processes of one user leave the other half free.
 * - `looks`: each reads a footer or a manifest.
 * - `readerMs`: people inspect rows with the stream open, much longer than a worker would.
 * - `wantedMs`: more than an active client needs for 1.5 MiB over a bad line, and still a short wait.
 */
const LIMITS: FlightLimits = {
  streams: 16,
  streamsOfOne: 4,
  streamsOfIdentity: 8,
  looks: 8,
  readerMs: 15 * 60_000,
  wantedMs: 20_000,
};

/** Limit of waiting calls. Further calls are refused. */
const WAITING = 4_096;

/**
 * Queue of streams and lookups. Streams wait in the order of their opening, in which most clients read them.
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
    this.#looks = new Slots("checks of flights", { slots: limits.looks, waiting: WAITING });
  }

  /** @returns the function that ends the turn */
  takeStream(who: Who, signal: AbortSignal): Promise<() => void> {
    return takeEach(
      () => this.#own.take(who.peer, signal),
      () => this.#ofIdentity.take(callerKey(who), signal),
      () => this.#all.take(signal),
    );
  }

  async look<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const release = await this.#looks.take(signal);
    try {
      return await look();
    } finally {
      release();
    }
  }

  mostMs(who: Who): number {
    const isWantedByItself = this.#own.waiting(who.peer) + this.#ofIdentity.waiting(callerKey(who)) > 0;
    const isWanted = this.#all.waiting > 0 || isWantedByItself;
    return isWanted ? this.#limits.wantedMs : this.#limits.readerMs;
  }
}
