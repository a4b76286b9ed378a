import { type Deferred, deferred } from "../core/abort.ts";
import { ShardmillError } from "../core/errors.ts";

/** Bytes that a reader asked for, and holds once they are granted. Disposed of, they are given back. */
export interface FetchShare extends Disposable {
  /** Rejects when it is disposed of before. */
  readonly granted: Promise<void>;
}

/** One of those who share a budget. Disposed of, it holds and wants nothing more. */
export interface FetchReader extends Disposable {
  ask(bytes: number): FetchShare;
}

/** Of whom nothing is counted. */
export const UNCOUNTED: FetchReader = {
  ask: () => ({ granted: Promise.resolve(), [Symbol.dispose]() {} }),
  [Symbol.dispose]() {},
};

/**
 * How many bytes readers may have fetched that are not decoded yet, all together.
 *
 * Law: the oldest reader waits for nothing while it holds nothing, however much it asks for. So what is read
 * now goes on, whatever is held by those that only read ahead of it, and what is larger than the budget is
 * read, too. Nobody is passed by a younger one. What is held is at most the budget and one ask more.
 */
export class FetchBudget {
  readonly #limitBytes: number;
  /** Of each open reader what it asked for and has not given back, in order; the oldest reader first. */
  readonly #asked: Set<Ask>[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes that are granted now. */
  get heldBytes(): number {
    return sumOf(this.#asked.flatMap((asked) => [...asked]));
  }

  /** Younger than all that are open. */
  open(): FetchReader {
    const asked = new Set<Ask>();
    this.#asked.push(asked);
    return {
      ask: (bytes) => this.#ask(asked, bytes),
      [Symbol.dispose]: () => {
        const age = this.#asked.indexOf(asked);
        if (age >= 0) this.#asked.splice(age, 1);
        for (const ask of asked) ask.turn.reject(calledOff());
        asked.clear();
        this.#grant();
      },
    };
  }

  #ask(asked: Set<Ask>, bytes: number): FetchShare {
    const ask: Ask = { bytes, turn: deferred<void>(), isGranted: false };
    // Who never gets to wait for it has called it off itself.
    ask.turn.promise.catch(() => {});
    if (this.#asked.includes(asked)) asked.add(ask);
    else ask.turn.reject(calledOff());
    this.#grant();
    return {
      granted: ask.turn.promise,
      [Symbol.dispose]: () => {
        if (!asked.delete(ask)) return;
        ask.turn.reject(calledOff());
        this.#grant();
      },
    };
  }

  #grant(): void {
    for (const [age, asked] of this.#asked.entries()) {
      for (const ask of asked) {
        if (ask.isGranted) continue;
        const isNeeded = age === 0 && ![...asked].some(({ isGranted }) => isGranted);
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
  return new ShardmillError("INTERRUPTED", "what was to be fetched is not wanted any more");
}
