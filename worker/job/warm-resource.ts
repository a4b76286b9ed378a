import { orAbort } from "../../shared/core/abort.ts";

/**
 * Resource that takes long to open, with its users. The resource is closed once: when it is no longer wanted,
 * has been opened, and has no users. A use counts from its request, so the resource is not closed while a
 * user waits for it.
 */
export class WarmResource<T extends AsyncDisposable> {
  readonly #opening: Promise<T>;
  #open: T | null = null;
  #uses = 0;
  #isWanted = true;
  #closing: Promise<void> | null = null;
  #resolveClosed: () => void = () => {};
  /** Resolves when the resource is closed, or could not be opened. Never rejects. */
  readonly closed: Promise<void>;

  constructor(opening: Promise<T>) {
    this.#opening = opening;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    opening.then(
      (open) => {
        this.#open = open;
      },
      () => this.#resolveClosed(),
    );
  }

  /** Opened resource. Null until it is open. */
  get open(): T | null {
    return this.#open;
  }

  get isIdle(): boolean {
    return this.#uses === 0;
  }

  /**
   * @throws the signal's reason when it aborts first
   * @throws errors of opening, and of `work`
   */
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

  /** Closes the resource once all users have ended. No further use is allowed. */
  closeWhenIdle(): Promise<void> {
    this.#isWanted = false;
    if (this.isIdle) this.#close();
    return this.closed;
  }

  /** Closes the resource now, even if it is in use. */
  closeNow(): Promise<void> {
    this.#isWanted = false;
    this.#close();
    return this.closed;
  }

  #close(): void {
    this.#closing ??= this.#opening
      .then((open) => open[Symbol.asyncDispose]())
      .catch(() => {})
      .finally(this.#resolveClosed);
  }
}
