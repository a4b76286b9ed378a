import { type Deferred, deferred } from "../core/abort.ts";
import { ShardmillError } from "../core/errors.ts";

/** Bytes that a reader asked for, and holds once they are granted. Disposing releases them. */
export interface FetchShare extends Disposable {
  /** Resolves when the bytes are granted. Rejects when the share is disposed of first. */
  readonly granted: Promise<void>;
}

/** Reader that shares a budget. Disposing releases all its shares. */
export interface FetchReader extends Disposable {
  ask(bytes: number): FetchShare;
}

/** Reader without a budget. */
export const UNCOUNTED: FetchReader = {
  ask: () => ({ granted: Promise.resolve(), [Symbol.dispose]() {} }),
  [Symbol.dispose]() {},
};

/**
 * Limit of the bytes that all readers together have fetched but not decoded.
 *
 * Law: while the oldest reader holds nothing, its next request is granted at once, whatever its size. So the
 * current read continues, whatever younger readers hold, and requests larger than the budget succeed. No
 * younger reader overtakes an older one. Readers together hold at most the budget plus one request.
 */
export class FetchBudget {
  readonly #limitBytes: number;
  /** Requests of each open reader that are not released, in order. The oldest reader is first. */
  readonly #requested: Set<Ask>[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes that are granted now. */
  get heldBytes(): number {
    return sumOf(this.#requested.flatMap((requested) => [...requested]));
  }

  /** Opens a reader, younger than all open ones. */
  open(): FetchReader {
    const requested = new Set<Ask>();
    this.#requested.push(requested);
    return {
      ask: (bytes) => this.#ask(requested, bytes),
      [Symbol.dispose]: () => {
        const age = this.#requested.indexOf(requested);
        if (age >= 0) this.#requested.splice(age, 1);
        for (const ask of requested) ask.turn.reject(calledOff());
        requested.clear();
        this.#grant();
      },
    };
  }

  #ask(requested: Set<Ask>, bytes: number): FetchShare {
    const ask: Ask = { bytes, turn: deferred<void>(), isGranted: false };
    // A caller that called it off may never await it.
    ask.turn.promise.catch(() => {});
    if (this.#requested.includes(requested)) requested.add(ask);
    else ask.turn.reject(calledOff());
    this.#grant();
    return {
      granted: ask.turn.promise,
      [Symbol.dispose]: () => {
        if (!requested.delete(ask)) return;
        ask.turn.reject(calledOff());
        this.#grant();
      },
    };
  }

  #grant(): void {
    for (const [age, requested] of this.#requested.entries()) {
      for (const ask of requested) {
        if (ask.isGranted) continue;
        const isNeeded = age === 0 && ![...requested].some(({ isGranted }) => isGranted);
        if (!isNeeded && this.heldBytes + ask.bytes > this.#limitBytes) return;
        ask.isGranted = true;
        ask.turn.resolve();
      }
    }
  }
}

interface Ask {
  readonly bytes: number;
  readonly turn: Deferred<void>;
  isGranted: boolean;
}

function sumOf(asks: readonly Ask[]): number {
  return asks.reduce((sum, { bytes, isGranted }) => sum + (isGranted ? bytes : 0), 0);
}

function calledOff(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the data to fetch is no longer needed");
}
