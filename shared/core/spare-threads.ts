import type { Worker } from "node:worker_threads";
import { hasEnded } from "./end-thread.ts";

/**
 * Threads that wait for their next owner. Until a message brings the work, all of them are the same. A kept
 * thread has loaded its modules and compiled its WebAssembly.
 */
export class SpareThreads implements AsyncDisposable {
  readonly #start: () => Worker;
  readonly #most: number;
  #kept: Worker[] = [];

  /**
   * @param start starts a thread, and listens to its errors while it has no owner
   * @param most limit of kept threads
   */
  constructor(start: () => Worker, most = 1) {
    this.#start = start;
    this.#most = most;
  }

  /** Starts a thread that will be needed soon, unless one is kept already. */
  warm(): void {
    if (this.#living().length === 0) this.keep(this.#start());
  }

  /** Returns the thread that was kept last, or a new one. The caller owns it. */
  take(): Worker {
    return this.#living().pop() ?? this.#start();
  }

  /** Keeps an idle thread, or ends it if enough are kept. A kept one does not keep this process alive. */
  keep(thread: Worker): void {
    thread.unref();
    const kept = this.#living();
    if (kept.length < this.#most) kept.push(thread);
    else void thread.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#kept.splice(0).map((thread) => thread.terminate()));
  }

  #living(): Worker[] {
    this.#kept = this.#kept.filter((thread) => !hasEnded(thread));
    return this.#kept;
  }
}
