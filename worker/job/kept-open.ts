import { orAbort } from "../../shared/core/abort.ts";

/**
 * Something that takes long to open, and whoever uses it. It is closed once: when it is no longer wanted, has
 * been opened, and nobody uses it. A use counts from when it is asked for, not from when the thing is open,
 * so that nothing is closed under a use that waits for it.
 */
export class KeptOpen<T extends AsyncDisposable> {
  readonly #opening: Promise<T>;
  #open: T | null = null;
  #uses = 0;
  #isWanted = true;
  #closing: Promise<void> | null = null;
  #tellClosed: () => void = () => {};
  /** Resolves when it is closed, or could not be opened. Never rejects. */
  readonly closed: Promise<void>;

  constructor(opening: Promise<T>) {
    this.#opening = opening;
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    opening.then(
      (open) => {
        this.#open = open;
      },
      () => this.#tellClosed(),
    );
  }

  /** Null until it is open. */
  get open(): T | null {
    return this.#open;
  }

  get isIdle(): boolean {
    return this.#uses === 0;
  }

  /** @throws the signal's reason when it aborts first, and what opening or `work` throws */
  async use<R>(work: (open: T) => Promise<R>, signal: AbortSignal): Promise<R> {
    if (this.#closing !== null) throw new Error("broken invariant: used after it was closed");
    this.#uses += 1;
    try {
      return await work(await orAbort(this.#opening, signal));
    } finally {
      this.#uses -= 1;
      if (!this.#isWanted && this.isIdle) this.#close();
    }
  }

  /** Nobody will ask for it any more: whoever uses it goes on to the end. */
  closeWhenIdle(): Promise<void> {
    this.#isWanted = false;
    if (this.isIdle) this.#close();
    return this.closed;
  }

  /** Closes it now, whoever uses it. */
  closeNow(): Promise<void> {
    this.#isWanted = false;
    this.#close();
    return this.closed;
  }

  #close(): void {
    this.#closing ??= this.#opening
      .then((open) => open[Symbol.asyncDispose]())
      .catch(() => {})
      .finally(this.#tellClosed);
  }
}
