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

/** Limit of a store's name. A host has at most 253 characters, and a bucket fewer. Longer names are cut. */
const NAME_BYTES = 256;
const FIELDS = COUNTED_OF_STORE.length;
/** Layout of the table: each store's state and name length, then the counts, then the names. */
const COUNTS_AT = 8 * MOST_STORES;
const NAMES_AT = COUNTS_AT + 8 * FIELDS * MOST_STORES;
const TABLE_BYTES = NAMES_AT + NAME_BYTES * MOST_STORES;

/** States of a row. A thread that changes a free row to a claimed one writes its name. */
const FREE = 0;
const CLAIMED = 1;
const READY = 2;

/** Checks for durations, kept in whole microseconds: a near store answers within a millisecond. */
function isInMicroseconds(name: CountedOfStore): boolean {
  return STORE_COUNTS[name] === "duration";
}

/** Counter of one store. */
export interface StoreMeter {
  add(name: CountedOfStore, amount: number): void;
}

/**
 * Counts of each store, in memory that threads share. Counts survive a thread that ends abruptly, and need no
 * messages. Two threads that meet a store at the same moment may claim a row each. Reading adds them up.
 */
export class StoreTally {
  /** Memory that another tally may share. */
  readonly memory: SharedArrayBuffer;
  readonly #states: Int32Array;
  readonly #counts: BigUint64Array;
  readonly #names: Uint8Array;
  readonly #meters = new Map<string, StoreMeter>();

  /** @param memory memory of another tally, to share its counts */
  constructor(memory = new SharedArrayBuffer(TABLE_BYTES)) {
    this.memory = memory;
    this.#states = new Int32Array(memory, 0, 2 * MOST_STORES);
    this.#counts = new BigUint64Array(memory, COUNTS_AT, FIELDS * MOST_STORES);
    this.#names = new Uint8Array(memory, NAMES_AT);
  }

  of(store: string): StoreMeter {
    const known = this.#meters.get(store);
    if (known !== undefined) return known;
    // Stores that another process merged are not a store of that name.
    const name = Buffer.from(store, "utf8").subarray(0, NAME_BYTES);
    const row = store === OTHER_STORES ? this.#otherRow() : this.#rowOf(name);
    const meter: StoreMeter = {
      add: (name, amount) => {
        const whole = isInMicroseconds(name) ? amount * 1_000 : amount;
        const at = row * FIELDS + COUNTED_OF_STORE.indexOf(name);
        Atomics.add(this.#counts, at, BigInt(Math.max(0, Math.round(whole))));
      },
    };
    // Merged stores need no meter each.
    if (this.#meters.size < MOST_STORES) this.#meters.set(store, meter);
    return meter;
  }

  /** Adds the counts of another process. */
  add(counts: readonly StoreCounts[]): void {
    for (const one of counts) {
      const meter = this.of(one.store);
      for (const name of COUNTED_OF_STORE) if (one[name] > 0) meter.add(name, one[name]);
    }
  }

  /** Returns the counts of each store, by name. */
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

/** Key of the shared memory. A thread inherits it from its starter, which must load this module first. */
const KEY = "shardmill.storeCounts";

/** Tally of this process, in all of its threads. */
export const processTally = new StoreTally(getEnvironmentData(KEY) as SharedArrayBuffer | undefined);
setEnvironmentData(KEY, processTally.memory);

let reported: readonly StoreCounts[] = [];

/** Returns this process's counts since the last call, for the parent process to add. */
export function takeCounts(): readonly StoreCounts[] {
  const now = processTally.read();
  const taken = sinceStores(reported, now);
  reported = now;
  return taken;
}

/** Location up to its bucket or host. */
const STORE = /^[a-z][a-z0-9+.-]+:\/\/[^/?#]+/;

/**
 * Returns a store's name: the place in the user's own words, or else the server.
 *
 * @param path path as in errors, without secrets
 */
export function storeNameOf(path: string, url: URL): string {
  return STORE.exec(path)?.[0] ?? `${url.protocol}//${url.host}`;
}
