import { Lock } from "../../shared/core/lock.ts";
import { Slots } from "../../shared/core/slots.ts";

/**
 * Shards in memory at once: one that is read, and two whose rows are done, of which one is written and one
 * may wait for that. When both places behind the reader are taken, reading waits: writing is then what limits
 * the job.
 */
const SHARDS_AT_ONCE = 3;

/**
 * Shards that are opened, and whose first rows are decoded, before their turn. Where each request is a round
 * trip two are: while one's rows are decoded the next one's are on their way.
 */
const PREFETCHED = { near: 1, far: 2 };

/** One shard on its way: prefetched, read, then in memory until it is written. Disposed of, it is out. */
export interface ShardPass extends Disposable {
  /** Its first rows are decoded: resolves when it is to be read. Rejects with the signal's reason. */
  turn(): Promise<void>;
  /** It is read, or will be no more. */
  endRead(): void;
}

/**
 * Lets the shards of a thread overlap, each stage in the order of the leases: what is read must not wait for
 * what a younger one has fetched.
 */
export class ShardOrder {
  readonly #prefetches = { near: places(PREFETCHED.near), far: places(PREFETCHED.far) };
  readonly #reads = new Lock();
  readonly #places = places(SHARDS_AT_ONCE);

  /** Resolves when it may be prefetched. */
  async enter(where: "near" | "far", signal: AbortSignal): Promise<ShardPass> {
    const endPrefetch = once(await this.#prefetches[where].take(signal));
    const reading = this.#reads.enter(signal);
    // Who never gets to wait for it has given the shard up.
    reading.catch(() => {});
    let leave = (): void => {};
    const endRead = (): void => {
      endPrefetch();
      void reading.then(
        (end) => end(),
        () => {},
      );
    };
    return {
      turn: async () => {
        await reading;
        leave = await this.#places.take(signal);
        endPrefetch();
      },
      endRead,
      [Symbol.dispose]() {
        endRead();
        leave();
        leave = () => {};
      },
    };
  }
}

function places(slots: number): Slots {
  return new Slots("shards", { slots, waiting: Number.MAX_SAFE_INTEGER });
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
