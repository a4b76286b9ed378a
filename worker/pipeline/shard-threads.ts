import { present } from "../../shared/core/assert.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { RunOptions } from "./shard-thread-client.ts";

/** What a shard thread does for its owner: `ShardThreadClient`, or a test's. */
export interface ShardThread extends AsyncDisposable {
  run(lease: Lease, executionId: ExecutionId, options: RunOptions): Promise<PartialManifest>;
}

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

  async run(lease: Lease, executionId: ExecutionId, options: RunOptions): Promise<PartialManifest> {
    const least = Math.min(...this.#slots.map(({ unread }) => unread));
    const index = this.#slots.findIndex(({ unread }) => unread === least);
    const slot = present(this.#slots[index], "there is a shard thread");
    slot.unread += 1;
    let isRead = false;
    const onRead = (): void => {
      if (isRead) return;
      isRead = true;
      slot.unread -= 1;
      options.onRead?.();
    };
    try {
      const thread = await this.#threadOf(slot, index);
      return await thread.run(lease, executionId, { ...options, onRead });
    } finally {
      if (!isRead) slot.unread -= 1;
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
