import { NEVER } from "../../../shared/core/abort.ts";
import { assert } from "../../../shared/core/assert.ts";
import { compiledUrl } from "../../../shared/core/package-root.ts";
import type { Transferred } from "../../../shared/core/remote/peer.ts";
import { buffersOfTables, type PackedTable } from "../../../shared/dataset/packed-table.ts";
import type { StepDeclaration } from "../run/loaded-step.ts";
import type { FailedRow } from "../run/run-task.ts";
import { UserThread } from "./user-thread.ts";
import { LOAD_LIMIT_MS, NO_ROW } from "./user-thread-protocol.ts";

export interface ModuleRun {
  /** The columns that the step reads. Its buffers are transferred. */
  readonly batch: PackedTable;
  /** The columns that are wanted, of those that the step makes. */
  readonly made: readonly string[];
  /** Rows that ended the previous thread. */
  readonly lost: readonly FailedRow[];
  /** One row at a time, so that it is known which one the thread ends with. */
  readonly isCareful: boolean;
}

export interface ModuleAnswer {
  /** Its buffers are transferred. */
  readonly made: PackedTable;
  readonly sources: Uint32Array<ArrayBuffer>;
  /** Rows that failed, each with its place in `made`. */
  readonly failed: readonly FailedRow[];
}

/** Methods of a module thread. One `run` at a time. */
export interface ModuleMethods {
  load(argument: null): Promise<StepDeclaration>;
  run(run: ModuleRun): Promise<Transferred<ModuleAnswer>>;
}

/** What it opens may be large. */
const OPEN_LIMIT_MS = 300_000;

/** A module thread, as the thread that started it has it. */
export class ModuleThread implements AsyncDisposable {
  readonly #thread: UserThread<ModuleMethods>;
  readonly #loaded: Promise<StepDeclaration>;
  #isRunning = false;

  constructor(path: string, where: string) {
    this.#thread = new UserThread(compiledUrl("extensions/code/module-thread.ts"), { path, where });
    this.#loaded = this.#thread.remote.call("load", null, { signal: NEVER });
    this.#loaded.catch(() => {});
  }

  get isLost(): boolean {
    return this.#thread.isLost;
  }

  /**
   * What the step declares.
   *
   * @throws {STEP_INVALID} as the thread found it; {ThreadLost}
   */
  declaration(): Promise<StepDeclaration> {
    return this.#thread.watched(this.#loaded, () => LOAD_LIMIT_MS);
  }

  /**
   * @param limitMs how long the thread may be deaf
   * @throws {STEP_INVALID} {STEP_FAILED} as the thread found it; {ThreadLost}
   */
  async run(run: ModuleRun, limitMs: number): Promise<ModuleAnswer> {
    await this.declaration();
    assert(!this.#isRunning, "a module thread works on one record batch at a time");
    this.#isRunning = true;
    const thread = this.#thread;
    thread.clearRow();
    const isOpening = () => thread.row === NO_ROW;
    try {
      const answer = thread.remote.call("run", run, { transfer: buffersOfTables(run.batch), signal: NEVER });
      return await thread.watched(answer, () => (isOpening() ? Math.max(OPEN_LIMIT_MS, limitMs) : limitMs));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Ends it at once, whatever it does. */
  kill(): Promise<void> {
    return this.#thread.kill();
  }

  /** Has the user's code close what it opened, and ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.end();
  }
}
