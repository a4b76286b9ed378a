import type { RecordBatch } from "apache-arrow";
import { ShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import { type StepClientOptions, StepThreadClient } from "./step-thread-client.ts";

interface StepThreadsOptions extends StepClientOptions {
  /** Limit of threads. */
  readonly count: number;
}

/**
 * Threads of a stage, as one step that takes several record batches concurrently. Further ones wait. The
 * first thread starts at once, to be ready for the first rows. Others start when no thread is free for a
 * record batch. A thread that ended is replaced in the same way.
 */
export class StepThreads implements Step {
  readonly #options: StepThreadsOptions;
  readonly #slots: Slots;
  readonly #threads = new Set<StepThreadClient>();
  #isClosed = false;

  constructor(options: StepThreadsOptions) {
    this.#options = options;
    this.#slots = new Slots("record batches", {
      slots: options.count * (options.batches ?? 1),
      waiting: Number.MAX_SAFE_INTEGER,
    });
    this.#start();
  }

  run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    return this.#run(batch, undefined, signal);
  }

  ofShard(shard: Shard): Pick<Step, "run"> {
    return { run: (batch, signal) => this.#run(batch, shard, signal) };
  }

  async #run(batch: RecordBatch, shard: Shard | undefined, signal: AbortSignal): Promise<StepResult> {
    const leave = await this.#slots.take(signal);
    if (this.#isClosed) {
      leave();
      throw new ShardmillError("INTERRUPTED", "the job is closed on this worker");
    }
    const thread = this.#freeThread();
    try {
      return await thread.run(batch, shard, signal);
    } finally {
      void thread.untilDone(batch).then(() => {
        if (thread.hasExited) this.#threads.delete(thread);
        leave();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#threads].map((thread) => thread[Symbol.asyncDispose]()));
  }

  /** Returns a free thread, or starts one. The slots limit record batches to those that the threads take. */
  #freeThread(): StepThreadClient {
    for (const thread of this.#threads) {
      if (thread.isFree) return thread;
      if (thread.hasExited) this.#threads.delete(thread);
    }
    return this.#start();
  }

  #start(): StepThreadClient {
    const thread = new StepThreadClient(this.#options);
    this.#threads.add(thread);
    return thread;
  }
}
