import { Worker } from "node:worker_threads";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { errorFromData } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { LoopCommand, LoopEvent, LoopThreadOptions } from "./loop-protocol.ts";
import type { LoopBatching } from "./loop-rows.ts";
import type { LoopOptions } from "./loop-work.ts";

/** Threads that each run the same bare loop over their share of the rows, on request. */
export class LoopThreads implements AsyncDisposable {
  readonly #threads: readonly LoopThread[];
  readonly #stop: Int32Array;

  private constructor(threads: readonly LoopThread[], stop: Int32Array) {
    this.#threads = threads;
    this.#stop = stop;
  }

  static async start(options: Omit<LoopOptions, "lane">): Promise<LoopThreads> {
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const threads = Array.from(
      { length: options.lanes },
      (_, lane) => new LoopThread({ ...options, lane, stop }),
    );
    const started = new LoopThreads(threads, new Int32Array(stop));
    try {
      await Promise.all(threads.map((thread) => thread.next("ready")));
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  async prepare(batching: LoopBatching): Promise<void> {
    await this.#all({ kind: "prepare", batching }, "ready");
  }

  /** Returns rows a second of all threads together, over `seconds` and at least one pass over the rows. */
  async measure(seconds: number): Promise<number> {
    Atomics.store(this.#stop, 0, 0);
    const passed = this.#all({ kind: "go" }, "passed");
    await Promise.all([passed, sleep(seconds * 1000, NEVER)]);
    Atomics.store(this.#stop, 0, 1);
    const done = await Promise.all(this.#threads.map((thread) => thread.next("done")));
    return done.reduce((sum, { rows, ms }) => sum + (rows === 0 ? 0 : rows / (ms / 1000)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  #all<Kind extends LoopEvent["kind"]>(command: LoopCommand, kind: Kind) {
    return Promise.all(
      this.#threads.map((thread) => {
        thread.post(command);
        return thread.next(kind);
      }),
    );
  }
}

class LoopThread {
  readonly #worker: Worker;
  readonly #inbox: LoopEvent[] = [];
  #failure: Error | null = null;
  #wake: () => void = () => {};

  constructor(options: LoopThreadOptions) {
    this.#worker = new Worker(compiledUrl("bench/ceiling/loop-thread.ts"), { workerData: options });
    const fail = (error: Error) => {
      this.#failure ??= error;
      this.#wake();
    };
    this.#worker.on("error", fail);
    this.#worker.on("exit", () => fail(new Error("the thread of a loop has ended")));
    this.#worker.on("message", (event: LoopEvent) => {
      if (event.kind === "failed") return fail(errorFromData(event.error));
      this.#inbox.push(event);
      this.#wake();
    });
  }

  post(command: LoopCommand): void {
    this.#worker.postMessage(command);
  }

  /** Returns the next event, which must be of this kind. */
  async next<Kind extends LoopEvent["kind"]>(kind: Kind): Promise<Extract<LoopEvent, { kind: Kind }>> {
    for (;;) {
      const event = this.#inbox.shift();
      if (event?.kind === kind) return event as Extract<LoopEvent, { kind: Kind }>;
      if (event !== undefined) throw new Error(`a loop reported ${event.kind} instead of ${kind}`);
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
