import { Lock } from "../../shared/core/lock.ts";
import { Slots } from "../../shared/core/slots.ts";

/**
 * Limit of shards in memory: one is read, and two have all rows mapped. Of these, one is written, and one may
 * wait for that. If both places are taken, reading waits, because writing limits the job.
 */
const SHARDS_AT_ONCE = 3;

/**
 * Shards whose files are opened and first rows decoded before their turn. For distant files two: one is
 * decoded while the next is fetched.
 */
const PREFETCHED = { near: 1, far: 2 };

/**
 * Progress of one shard: prefetched, read, then in memory until it is written. Disposing it frees its places.
 */
export interface ShardPass extends Disposable {
  /** Waits for the shard's turn, after its first rows are decoded. Rejects with the signal's reason. */
  turn(): Promise<void>;
  /** Marks the shard as read, or as never read. */
  endRead(): void;
}

/**
 * Overlaps the shards of a thread, with each stage in order of the leases. Reading an older shard must not
 * wait for a younger one.
 */
export class ShardOrder {
  readonly #prefetches = { near: places(PREFETCHED.near), far: places(PREFETCHED.far) };
  readonly #reads = new Lock();
  readonly #places = places(SHARDS_AT_ONCE);

  /** Resolves when the shard may be prefetched. */
  async enter(where: "near" | "far", signal: AbortSignal): Promise<ShardPass> {
    const endPrefetch = once(await this.#prefetches[where].take(signal));
    const reading = this.#reads.enter(signal);
    // A shard cancelled before its turn never awaits this.
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
