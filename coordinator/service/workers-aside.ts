/** A worker that never came back by then was taken away: a device is tried again each quarter of an hour. */
const FORGOTTEN_MS = 24 * 3_600_000;
/** Each is a worker's status, of a kilobyte: ten times the GPUs that fail at once. */
const MOST_ASIDE = 1_000;

interface Aside<T> {
  readonly worker: T;
  readonly reason: string;
  readonly sinceMs: number;
}

/** Workers that have left because their device is excluded, by name. Pure, as the registry. */
export class WorkersAside<T> {
  /** The oldest first. */
  readonly #all = new Map<string, Aside<T>>();

  put(name: string, aside: Aside<T>): void {
    for (const [known, { sinceMs }] of this.#all)
      if (this.#all.size >= MOST_ASIDE || aside.sinceMs - sinceMs > FORGOTTEN_MS) this.#all.delete(known);
    this.#all.set(name, aside);
  }

  isBack(name: string): void {
    this.#all.delete(name);
  }

  at(nowMs: number): readonly Aside<T>[] {
    return [...this.#all.values()].filter(({ sinceMs }) => nowMs - sinceMs <= FORGOTTEN_MS);
  }
}
