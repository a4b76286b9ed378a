import { orAbort } from "./abort.ts";

/** Lets one in at a time, in the order in which they asked. */
export class Lock {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, with what ends it; that may be called more than once. */
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
