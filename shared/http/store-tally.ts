import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import {
  COUNTED_OF_STORE,
  type CountedOfStore,
  MOST_STORES,
  OTHER_STORES,
  STORE_COUNTS,
  type StoreCounts,
  sinceStores,
  storeCounts,
  sumOfStores,
} from "../domain/store-counts.ts";

/** A host has 253 characters at most, a bucket fewer: whatever is longer is cut. */
const NAME_BYTES = 256;
const FIELDS = COUNTED_OF_STORE.length;
/** Each store has its state and its name's length, its counts, and its name. */
const COUNTS_AT = 8 * MOST_STORES;
const NAMES_AT = COUNTS_AT + 8 * FIELDS * MOST_STORES;
const TABLE_BYTES = NAMES_AT + NAME_BYTES * MOST_STORES;

/** Of a row of the table. Whoever turns a free one into a claimed one writes its name. */
const FREE = 0;
const CLAIMED = 1;
const READY = 2;

/** Durations are kept in whole microseconds: a near store answers in less than a millisecond. */
function isInMicroseconds(name: CountedOfStore): boolean {
  return STORE_COUNTS[name] === "duration";
}

/** Counts what is asked of one store. */
export interface StoreMeter {
  add(name: CountedOfStore, amount: number): void;
}

/**
 * What was asked of each store, in memory that threads share: what a thread has counted is there when it is
 * ended in the middle of something, and nothing has to be sent. Two threads that meet a store in the same
 * moment may have a row each: they are added up when they are read.
 */
export class StoreTally {
  /** What another tally may count in, too. */
  readonly memory: SharedArrayBuffer;
  readonly #states: Int32Array;
  readonly #counts: BigUint64Array;
  readonly #names: Uint8Array;
  readonly #meters = new Map<string, StoreMeter>();

  /** @param memory of another tally, whose counts these are, too */
  constructor(memory = new SharedArrayBuffer(TABLE_BYTES)) {
    this.memory = memory;
    this.#states = new Int32Array(memory, 0, 2 * MOST_STORES);
    this.#counts = new BigUint64Array(memory, COUNTS_AT, FIELDS * MOST_STORES);
    this.#names = new Uint8Array(memory, NAMES_AT);
  }

  of(store: string): StoreMeter {
    const known = this.#meters.get(store);
    if (known !== undefined) return known;
    // Those that another told together are no store of their own.
    const name = Buffer.from(store, "utf8").subarray(0, NAME_BYTES);
    const row = store === OTHER_STORES ? this.#otherRow() : this.#rowOf(name);
    const meter: StoreMeter = {
      add: (name, amount) => {
        const whole = isInMicroseconds(name) ? amount * 1_000 : amount;
        const at = row * FIELDS + COUNTED_OF_STORE.indexOf(name);
        Atomics.add(this.#counts, at, BigInt(Math.max(0, Math.round(whole))));
      },
    };
    // What is not told apart need not be remembered.
    if (this.#meters.size < MOST_STORES) this.#meters.set(store, meter);
    return meter;
  }

  /** What another process has counted. */
  add(counts: readonly StoreCounts[]): void {
    for (const one of counts) {
      const meter = this.of(one.store);
      for (const name of COUNTED_OF_STORE) if (one[name] > 0) meter.add(name, one[name]);
    }
  }

  /** Each store that was met, by name. */
  read(): readonly StoreCounts[] {
    const rows: StoreCounts[] = [];
    for (let row = 0; row < MOST_STORES; row += 1)
      if (Atomics.load(this.#states, 2 * row) === READY) rows.push(this.#countsOf(row));
    return sumOfStores(rows);
  }

  #rowOf(name: Uint8Array): number {
    for (let row = 0; row < MOST_STORES - 1; row += 1) {
      const state = Atomics.load(this.#states, 2 * row);
      if (state === READY && Buffer.from(name).equals(this.#nameOf(row))) return row;
      if (state === FREE && this.#claim(row, name)) return row;
    }
    return this.#otherRow();
  }

  #otherRow(): number {
    const last = MOST_STORES - 1;
    this.#claim(last, Buffer.from(OTHER_STORES, "utf8"));
    return last;
  }

  #claim(row: number, name: Uint8Array): boolean {
    if (Atomics.compareExchange(this.#states, 2 * row, FREE, CLAIMED) !== FREE) return false;
    this.#names.set(name, row * NAME_BYTES);
    Atomics.store(this.#states, 2 * row + 1, name.length);
    Atomics.store(this.#states, 2 * row, READY);
    return true;
  }

  #nameOf(row: number): Uint8Array {
    const length = Atomics.load(this.#states, 2 * row + 1);
    return this.#names.slice(row * NAME_BYTES, row * NAME_BYTES + length);
  }

  #countsOf(row: number): StoreCounts {
    return storeCounts(Buffer.from(this.#nameOf(row)).toString("utf8"), (name) => {
      const count = Number(Atomics.load(this.#counts, row * FIELDS + COUNTED_OF_STORE.indexOf(name)));
      return isInMicroseconds(name) ? count / 1_000 : count;
    });
  }
}

/** Threads get it from the one that starts them, so whoever starts threads loads this module before. */
const KEY = "shardmill.storeCounts";

/** Of this process, in all of its threads. */
export const processTally = new StoreTally(getEnvironmentData(KEY) as SharedArrayBuffer | undefined);
setEnvironmentData(KEY, processTally.memory);

let told: readonly StoreCounts[] = [];

/** What this process counted since this was last called: for whoever started it, who adds it to its own. */
export function takeCounts(): readonly StoreCounts[] {
  const now = processTally.read();
  const taken = sinceStores(told, now);
  told = now;
  return taken;
}

/** A location, up to its bucket or its host. */
const STORE = /^[a-z][a-z0-9+.-]+:\/\/[^/?#]+/;

/**
 * What a store is called: by the place that is asked for, which the user has written so; where it is none, by
 * the server.
 *
 * @param path as errors have it, without secrets
 */
export function storeNameOf(path: string, url: URL): string {
  return STORE.exec(path)?.[0] ?? `${url.protocol}//${url.host}`;
}
