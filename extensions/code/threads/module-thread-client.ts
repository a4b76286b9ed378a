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
  /** Columns that the step reads. The buffers are transferred. */
  readonly batch: PackedTable;
  /** Requested columns, of those that the step makes. */
  readonly made: readonly string[];
  /** Rows that ended a previous thread. */
  readonly lost: readonly FailedRow[];
  /** Runs one row at a time, to identify the row that ends the thread. */
  readonly isCareful: boolean;
}

export interface ModuleAnswer {
  /** Made columns. The buffers are transferred. */
  readonly made: PackedTable;
  readonly sources: Uint32Array<ArrayBuffer>;
  /** Failed rows, each with its index in `made`. */
  readonly failed: readonly FailedRow[];
}

/** Methods of a module thread. One `run` at a time. */
export interface ModuleMethods {
  load(argument: null): Promise<StepDeclaration>;
  run(run: ModuleRun): Promise<Transferred<ModuleAnswer>>;
}

/** Limit while `open` runs, which may load large files. */
const OPEN_LIMIT_MS = 300_000;

/** Client of a module thread. */
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
   * Returns the step's declaration.
   *
   * @throws {STEP_INVALID} when the code is no valid step
   * @throws {ThreadLost} when the thread hangs or ends
   */
  declaration(): Promise<StepDeclaration> {
    return this.#thread.watched(this.#loaded, () => LOAD_LIMIT_MS);
  }

  /**
   * Runs the step on a record batch.
   *
   * @param limitMs limit of the time without a sign of progress
   * @throws {STEP_INVALID} when the code is no valid step
   * @throws {STEP_FAILED} when the step fails as a whole
   * @throws {ThreadLost} when the thread hangs or ends
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

  /** Ends the thread at once. */
  kill(): Promise<void> {
    return this.#thread.kill();
  }

  /** Calls the user's `close`, then ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.end();
  }
}
