import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../core/abort.ts";
import { assert, assertNever, present } from "../core/assert.ts";
import { hasEnded, untilEnded } from "../core/end-thread.ts";
import { errorFromData, messageOf } from "../core/errors.ts";
import { compiledUrl } from "../core/package-root.ts";
import { buffersOfTables } from "../dataset/packed-table.ts";
import type { StepDeclaration } from "./loaded-step.ts";
import {
  type ModuleCommand,
  type ModuleEvent,
  type ModuleThreadOptions,
  NO_ROW,
  ROW,
  TICKS,
} from "./module-protocol.ts";

export type ModuleAnswer = Extract<ModuleEvent, { kind: "done" }>;
type ModuleRun = Extract<ModuleCommand, { kind: "run" }>;

/** A module thread that hung, and was ended by force, or that ended by itself. */
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
/** To load the code: no more than a bundle is read. */
const LOAD_LIMIT_MS = 60_000;
/** What it opens may be large. */
const OPEN_LIMIT_MS = 300_000;
/** What a user's `close` may take. */
const CLOSE_LIMIT_MS = 5_000;
/** How often it is looked whether the thread is alive. */
const LOOK_MS = 200;

/** A module thread, as the thread that started it has it. */
export class ModuleThread implements AsyncDisposable {
  readonly #thread: Worker;
  readonly #cells: Int32Array;
  readonly #loaded = deferred<StepDeclaration>();
  #running: Deferred<ModuleAnswer> | null = null;
  #isLost = false;

  constructor(path: string, where: string) {
    const progress = new SharedArrayBuffer(8);
    this.#cells = new Int32Array(progress);
    Atomics.store(this.#cells, ROW, NO_ROW);
    const workerData: ModuleThreadOptions = { path, where, progress };
    const thread = new Worker(compiledUrl("shared/modules/module-thread.ts"), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
      // What a user's code prints must not get into what a command prints for programs.
      stdout: true,
    });
    thread.stdout.pipe(process.stderr, { end: false });
    thread.on("message", (event: ModuleEvent) => this.#onEvent(event));
    thread.on("error", (error) => this.#lose(`ended its thread: ${messageOf(error)}`));
    thread.on("exit", (code) => this.#lose(`ended its thread with exit code ${code}`));
    this.#loaded.promise.catch(() => {});
    this.#thread = thread;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /**
   * What the step declares.
   *
   * @throws {STEP_INVALID} as the thread found it; {ThreadLost}
   */
  declaration(): Promise<StepDeclaration> {
    return this.#watched(this.#loaded.promise, () => LOAD_LIMIT_MS);
  }

  /**
   * @param limitMs how long the thread may be deaf
   * @throws {STEP_INVALID} {STEP_FAILED} as the thread found it; {ThreadLost}
   */
  async run(command: ModuleRun, limitMs: number): Promise<ModuleAnswer> {
    await this.declaration();
    assert(this.#running === null, "a module thread works on one record batch at a time");
    const done = deferred<ModuleAnswer>();
    this.#running = done;
    Atomics.store(this.#cells, ROW, NO_ROW);
    this.#thread.postMessage(command, buffersOfTables(command.batch));
    const isOpening = () => Atomics.load(this.#cells, ROW) === NO_ROW;
    return this.#watched(done.promise, () => (isOpening() ? Math.max(OPEN_LIMIT_MS, limitMs) : limitMs));
  }

  /** Ends it at once, whatever it does. */
  async kill(): Promise<void> {
    this.#isLost = true;
    await this.#thread.terminate();
  }

  /** Has the user's code close what it opened, and ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (hasEnded(this.#thread)) return;
    this.#isLost = true;
    this.#thread.postMessage({ kind: "end" } satisfies ModuleCommand);
    await untilEnded(this.#thread, CLOSE_LIMIT_MS);
    await this.#thread.terminate();
  }

  /** `promise`, unless the thread hangs meanwhile for as long as `limitMs` says. */
  async #watched<T>(promise: Promise<T>, limitMs: () => number): Promise<T> {
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

  #onEvent(event: ModuleEvent): void {
    switch (event.kind) {
      case "loaded":
        this.#loaded.resolve(event.declaration);
        return;
      case "broken":
        this.#loaded.reject(errorFromData(event.error));
        return;
      case "done":
        this.#take().resolve(event);
        return;
      case "failed":
        this.#take().reject(errorFromData(event.error));
        return;
      default:
        assertNever(event);
    }
  }

  #take(): Deferred<ModuleAnswer> {
    const running = present(this.#running, "an answer is for what runs");
    this.#running = null;
    return running;
  }

  #lose(what: string): void {
    const lost = new ThreadLost(what, Atomics.load(this.#cells, ROW));
    this.#isLost = true;
    this.#loaded.reject(lost);
    this.#running?.reject(lost);
    this.#running = null;
    void this.#thread.terminate();
  }
}
