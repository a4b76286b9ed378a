import { Worker } from "node:worker_threads";
import { hasEnded, untilEnded } from "../core/end-thread.ts";
import { messageOf } from "../core/errors.ts";
import { NO_ROW, ROW, TICKS, type UserThreadOptions } from "./user-thread-protocol.ts";

/** A thread of a user's code that hung, and was ended by force, or that ended by itself. */
export class ThreadLost extends Error {
  override readonly name = "ThreadLost";
  /** The row that the user's code was last given, ALL_ROWS or NO_ROW. */
  readonly row: number;

  constructor(message: string, row: number) {
    super(message);
    this.row = row;
  }
}

/** The user's own code may need memory; what leaks ends its thread at this, and no other. */
const HEAP_MIB = 2048;
/** What a user's `close` may take. */
const CLOSE_LIMIT_MS = 5_000;
/** How often it is looked whether the thread is alive. */
const LOOK_MS = 200;

interface ThreadModule extends Omit<UserThreadOptions, "progress"> {
  /** Left out: {@link HEAP_MIB}. */
  readonly heapMib?: number;
}

interface ThreadOwner<Event> {
  onEvent(event: Event): void;
  onLost(lost: ThreadLost): void;
}

/** A thread that runs a user's code and nothing else, as the thread that started it has it. */
export class UserThread<Event> {
  readonly #thread: Worker;
  readonly #cells: Int32Array;
  readonly #owner: ThreadOwner<Event>;
  #isLost = false;

  constructor(script: URL, { heapMib = HEAP_MIB, ...module }: ThreadModule, owner: ThreadOwner<Event>) {
    const progress = new SharedArrayBuffer(8);
    this.#cells = new Int32Array(progress);
    this.#owner = owner;
    this.clearRow();
    const workerData: UserThreadOptions = { ...module, progress };
    const thread = new Worker(script, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMib },
      // What a user's code prints must not get into what a command prints for programs.
      stdout: true,
    });
    thread.stdout.pipe(process.stderr, { end: false });
    thread.on("message", (event: Event) => owner.onEvent(event));
    thread.on("error", (error) => {
      const isFull = "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#lose(
        isFull ? `took more than ${heapMib} MiB of memory` : `ended its thread: ${messageOf(error)}`,
      );
    });
    thread.on("exit", (code) => this.#lose(`ended its thread with exit code ${code}`));
    this.#thread = thread;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The row that the user's code was last given. */
  get row(): number {
    return Atomics.load(this.#cells, ROW);
  }

  clearRow(): void {
    Atomics.store(this.#cells, ROW, NO_ROW);
  }

  post(command: object, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(command, [...transfer]);
  }

  /** `promise`, unless the thread hangs meanwhile for as long as `limitMs` says: then it is lost. */
  async watched<T>(promise: Promise<T>, limitMs: () => number): Promise<T> {
    let seen = Atomics.load(this.#cells, TICKS);
    let deafMs = 0;
    const timer = setInterval(() => {
      const ticks = Atomics.load(this.#cells, TICKS);
      deafMs = ticks === seen ? deafMs + LOOK_MS : 0;
      seen = ticks;
      if (deafMs > limitMs()) this.#lose(`took longer than ${limitMs() / 1000} s`);
    }, LOOK_MS);
    try {
      return await promise;
    } finally {
      clearInterval(timer);
    }
  }

  /** Ends it at once, whatever it does. */
  async kill(): Promise<void> {
    this.#isLost = true;
    await this.#thread.terminate();
  }

  /** Has it close what it opened, and ends it. */
  async end(): Promise<void> {
    if (hasEnded(this.#thread)) return;
    this.#isLost = true;
    this.post({ kind: "end" });
    await untilEnded(this.#thread, CLOSE_LIMIT_MS);
    await this.#thread.terminate();
  }

  #lose(what: string): void {
    const lost = new ThreadLost(what, this.row);
    this.#isLost = true;
    this.#owner.onLost(lost);
    void this.#thread.terminate();
  }
}
