import type { Methods } from "../../../shared/core/remote/peer.ts";
import { endText, Remote, type RemoteEnd } from "../../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../../shared/core/remote/thread-link.ts";
import { NO_ROW, ROW, TICKS, type UserThreadOptions } from "./user-thread-protocol.ts";

/** A thread of a user's code ended by itself, or hung and was ended. */
export class ThreadLost extends Error {
  override readonly name = "ThreadLost";
  /** Row that the user's code last got, ALL_ROWS or NO_ROW. */
  readonly row: number;

  constructor(message: string, row: number) {
    super(message);
    this.row = row;
  }
}

/** Heap limit. The user's own code may need memory, and a leak must end its own thread only. */
const HEAP_MIB = 2048;
/** Time limit of a user's `close`. */
const CLOSE_LIMIT_MS = 5_000;
/** Interval of checks for progress. */
const LOOK_MS = 200;

interface ThreadModule extends Omit<UserThreadOptions, "progress"> {
  /** Default: {@link HEAP_MIB}. */
  readonly heapMib?: number;
}

/** Client of a thread that runs a user's code, and nothing else. */
export class UserThread<T extends Methods<T>> {
  /** Calls reject with a ThreadLost once the thread is lost. */
  readonly remote: Remote<T>;
  readonly #cells: Int32Array;

  /** @param serves methods that the thread calls */
  constructor(script: URL, { heapMib = HEAP_MIB, ...module }: ThreadModule, serves: object = {}) {
    const progress = new SharedArrayBuffer(8);
    this.#cells = new Int32Array(progress);
    this.clearRow();
    const workerData: UserThreadOptions = { ...module, progress };
    // Printed text goes to stderr: a command's stdout is for programs.
    const link = new ThreadLink(script, { workerData, heapMib, stdout: true });
    link.thread.stdout.pipe(process.stderr, { end: false });
    this.remote = new Remote<T>(link, { serves, lost: (end) => new ThreadLost(lostText(end), this.row) });
  }

  get isLost(): boolean {
    return this.remote.error !== null;
  }

  /** Row that the user's code last got. */
  get row(): number {
    return Atomics.load(this.#cells, ROW);
  }

  clearRow(): void {
    Atomics.store(this.#cells, ROW, NO_ROW);
  }

  /** Waits for `promise`. A thread without progress for longer than `limitMs` is lost. */
  async watched<T>(promise: Promise<T>, limitMs: () => number): Promise<T> {
    let seen = Atomics.load(this.#cells, TICKS);
    let unresponsiveMs = 0;
    const timer = setInterval(() => {
      const ticks = Atomics.load(this.#cells, TICKS);
      unresponsiveMs = ticks === seen ? unresponsiveMs + LOOK_MS : 0;
      seen = ticks;
      if (unresponsiveMs > limitMs()) this.remote.end({ kind: "time", limitMs: limitMs() });
    }, LOOK_MS);
    try {
      return await promise;
    } finally {
      clearInterval(timer);
    }
  }

  /** Ends the thread at once. */
  async kill(): Promise<void> {
    await this.remote[Symbol.asyncDispose]();
  }

  /** Closes the user's resources, then ends the thread. */
  async end(): Promise<void> {
    await this.remote.close(CLOSE_LIMIT_MS);
    await this.kill();
  }
}

function lostText(end: RemoteEnd): string {
  switch (end.kind) {
    case "time":
      return `took longer than ${end.limitMs / 1000} s`;
    case "memory":
      return `took more than ${end.bytes / 2 ** 20} MiB of memory`;
    case "failed":
      return `ended its thread: ${endText(end)}`;
    default:
      return `ended its thread with ${endText(end)}`;
  }
}
