import type { Address } from "./ort-functions.ts";

/** Uses of a handle: none, being opened or closed, or refused for good. More: threads that use it. */
const [FREE, BUSY, REFUSED] = [0, -1, -2];

const USES_BYTES = 8;
const ADDRESSES = 2;

/** Native objects of a session: its environment, and itself. */
export interface SessionAddresses {
  readonly env: Address;
  readonly session: Address;
}

/**
 * Native session that several threads share. The first one opens it, and the others wait. The last one closes
 * it. A thread that hangs keeps it open, so that nothing it uses is freed.
 */
export class SharedHandle {
  readonly #uses: Int32Array;
  readonly #addresses: BigUint64Array;

  /** @param buffer memory from `SharedHandle.buffer`, the same in all threads */
  constructor(buffer: SharedArrayBuffer) {
    this.#uses = new Int32Array(buffer, 0, 1);
    this.#addresses = new BigUint64Array(buffer, USES_BYTES, ADDRESSES);
  }

  static buffer(): SharedArrayBuffer {
    return new SharedArrayBuffer(USES_BYTES + ADDRESSES * BigUint64Array.BYTES_PER_ELEMENT);
  }

  /**
   * Blocks until the session is open. A thread that fails to open it leaves that to the next one.
   *
   * @param open null: this model cannot be shared, and no other thread tries it
   */
  take(open: () => SessionAddresses | null): SessionAddresses | null {
    for (;;) {
      const uses = Atomics.load(this.#uses, 0);
      if (uses === REFUSED) return null;
      if (uses === BUSY) Atomics.wait(this.#uses, 0, BUSY);
      else if (Atomics.compareExchange(this.#uses, 0, uses, uses === FREE ? BUSY : uses + 1) === uses)
        return uses === FREE ? this.#open(open) : this.#opened();
    }
  }

  /** Ends one use. The last one calls `close`. */
  release(close: (addresses: SessionAddresses) => void): void {
    for (;;) {
      const uses = Atomics.load(this.#uses, 0);
      if (Atomics.compareExchange(this.#uses, 0, uses, uses === 1 ? BUSY : uses - 1) !== uses) continue;
      if (uses !== 1) return;
      close(this.#opened());
      this.#set(FREE);
      return;
    }
  }

  #open(open: () => SessionAddresses | null): SessionAddresses | null {
    let uses = FREE;
    try {
      const opened = open();
      if (opened !== null) this.#addresses.set([opened.env, opened.session]);
      uses = opened === null ? REFUSED : 1;
      return opened;
    } finally {
      this.#set(uses);
    }
  }

  #opened(): SessionAddresses {
    const [env = 0n, session = 0n] = this.#addresses;
    return { env, session };
  }

  #set(uses: number): void {
    Atomics.store(this.#uses, 0, uses);
    Atomics.notify(this.#uses, 0);
  }
}
