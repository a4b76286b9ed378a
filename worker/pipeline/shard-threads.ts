import type { Worker } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import type { ShardThreadClient } from "./shard-thread-client.ts";

/** Shard thread for its users: `ShardThreadClient`, or a test's. */
export type ShardThread = Pick<ShardThreadClient, "run" | "leave"> & AsyncDisposable;

/** Starts a thread. `onBroken` is called when it is no longer usable. */
type StartShardThread = (index: number, onBroken: () => void) => Promise<ShardThread>;

interface ThreadSlot {
  thread: Promise<ShardThread> | null;
  /** Shards of this thread that are not completely read. */
  unread: number;
}

/**
 * Shard threads of an open job. A shard goes to the thread with the fewest unread shards. A thread that could
 * not be started, or broke, is replaced at its next shard.
 */
export class ShardThreads implements AsyncDisposable {
  readonly #slots: readonly ThreadSlot[];
  readonly #start: StartShardThread;

  constructor(count: number, start: StartShardThread) {
    this.#slots = Array.from({ length: count }, () => ({ thread: null, unread: 0 }));
    this.#start = start;
  }

  /**
   * Runs work for a shard on a thread.
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

  /**
   * Gives up the threads. No shard may be running. The next shard starts threads again.
   *
   * @returns those that another job can use
   */
  async leave(): Promise<readonly Worker[]> {
    const left = await Promise.all(
      this.#takeAll().map(async (thread) => (await thread.catch(() => null))?.leave()),
    );
    return left.flatMap((thread) => thread ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#takeAll().map(async (thread) => (await thread)[Symbol.asyncDispose]()));
  }

  #takeAll(): readonly Promise<ShardThread>[] {
    const threads = this.#slots.flatMap(({ thread }) => thread ?? []);
    for (const slot of this.#slots) slot.thread = null;
    return threads;
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
