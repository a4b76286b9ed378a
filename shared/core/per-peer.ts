import { ShardmillError } from "./errors.ts";

/** Bounds how many calls one peer has open at once: more are refused, not queued, for they would be in the way of others. */
export class PerPeer {
  readonly #what: string;
  readonly #most: number;
  readonly #open = new Map<string, number>();

  /** `what` names the calls in the refusal: `downloads`. */
  constructor(what: string, most: number) {
    this.#what = what;
    this.#most = most;
  }

  /** Counts until it is disposed of. @throws {RESOURCE_EXHAUSTED} */
  enter(peer: string): Disposable {
    const open = this.#open.get(peer) ?? 0;
    if (open >= this.#most) {
      throw new ShardmillError("RESOURCE_EXHAUSTED", `too many ${this.#what} of one peer at once`, {
        fields: { most: this.#most },
        hint: "the request may be repeated later",
      });
    }
    this.#open.set(peer, open + 1);
    return { [Symbol.dispose]: () => this.#leave(peer) };
  }

  #leave(peer: string): void {
    const left = (this.#open.get(peer) ?? 1) - 1;
    if (left === 0) this.#open.delete(peer);
    else this.#open.set(peer, left);
  }
}
