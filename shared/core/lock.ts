import { orAbort } from "./abort.ts";

/** Lock that admits one holder at a time, in the order of requests. */
export class Lock {
  #last: Promise<void> = Promise.resolve();

  /** Waits for the caller's turn. Returns the function that ends it, which may be called more than once. */
  async enter(signal: AbortSignal): Promise<() => void> {
    let leave: () => void = () => {};
    const before = this.#last;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#last = before.then(() => mine);
    try {
      await orAbort(before, signal);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }
}
