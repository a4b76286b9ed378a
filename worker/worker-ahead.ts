import type { ChildProcess } from "node:child_process";
import { type ForkOptions, forkWorker, WORKER_ENTRY } from "./fork-worker.ts";

/** The guess: the one worker of a CPU. A GPU's has other threads, and is told which GPU it may see. */
const GUESS: ForkOptions = { entry: WORKER_ENTRY, shardThreads: 1, env: {} };

/**
 * A worker's process that is started before anybody knows what it will do: it loads its code beside whoever reads the job
 * file and plans. It is ended when it was not taken: by its disposal, or with this process.
 */
export class WorkerAhead implements Disposable {
  #child: ChildProcess | null;
  readonly #end = () => this[Symbol.dispose]();

  constructor() {
    this.#child = forkWorker(GUESS);
    // One that cannot be started, or dies, is not taken.
    this.#child.on("error", () => {});
    process.on("exit", this.#end);
  }

  /** Of the process, while it was not taken; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The process, whose owner the caller is then, if it is what `options` would start and still there. */
  take(options: ForkOptions): ChildProcess | null {
    const child = this.#child;
    const isFit =
      options.entry.href === GUESS.entry.href &&
      options.shardThreads === GUESS.shardThreads &&
      Object.keys(options.env).length === 0;
    if (child?.pid === undefined || !isFit || !child.connected) return null;
    this.#letGo();
    return child;
  }

  [Symbol.dispose](): void {
    this.#child?.kill("SIGKILL");
    this.#letGo();
  }

  #letGo(): void {
    this.#child = null;
    process.off("exit", this.#end);
  }
}
