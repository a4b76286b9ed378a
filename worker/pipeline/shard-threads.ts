import { present } from "../../shared/core/assert.ts";
import type { ShardThreadClient } from "./shard-thread-client.ts";

/** Shard thread as its users see it: `ShardThreadClient`, or a test's. */
export type ShardThread = Pick<ShardThreadClient, "run"> & AsyncDisposable;

/** Starts a thread; `onBroken` is called when it can be of no more use. */
type StartShardThread = (index: number, onBroken: () => void) => Promise<ShardThread>;

interface ThreadSlot {
  thread: Promise<ShardThread> | null;
  /** Shards given to it that are not read to their end. */
  unread: number;
}

/**
 * The shard threads of an open job. A shard goes to the one with the least left to read; a thread that could
 * not be started, or broke, is replaced with the next shard that it gets.
 */
export class ShardThreads implements AsyncDisposable {
  readonly #slots: readonly ThreadSlot[];
  readonly #start: StartShardThread;

  constructor(count: number, start: StartShardThread) {
    this.#slots = Array.from({ length: count }, () => ({ thread: null, unread: 0 }));
    this.#start = start;
  }

  /**
   * Gives a thread to a shard, for as long as the work on it takes.
   *
   * @param work calls `onRead` when all input of the shard is read
   */
  async use<T>(work: (thread: ShardThread, onRead: () => void) => Promise<T>): Promise<T> {
    const least = Math.min(...this.#slots.map(({ unread }) => unread));
    const index = this.#slots.findIndex(({ unread }) => unread === least);
    const slot = present(this.#slots[index], "there is a shard thread");
    slot.unread += 1;
    let isRead = false;
    const onRead = (): void => {
      if (!isRead) slot.unread -= 1;
      isRead = true;
    };
    try {
      return await work(await this.#threadOf(slot, index), onRead);
    } finally {
      onRead();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const threads = this.#slots.map(({ thread }) => thread);
    for (const slot of this.#slots) slot.thread = null;
    await Promise.allSettled(threads.map(async (thread) => (await thread)?.[Symbol.asyncDispose]()));
  }

  #threadOf(slot: ThreadSlot, index: number): Promise<ShardThread> {
    if (slot.thread !== null) return slot.thread;
    const forget = (): void => {
      if (slot.thread === starting) slot.thread = null;
    };
    const starting = this.#start(index, () => forget());
    starting.catch(forget);
    slot.thread = starting;
    return starting;
  }
}
