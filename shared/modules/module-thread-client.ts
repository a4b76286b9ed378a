import { type Deferred, deferred } from "../core/abort.ts";
import { assert, assertNever, present } from "../core/assert.ts";
import { errorFromData } from "../core/errors.ts";
import { compiledUrl } from "../core/package-root.ts";
import { buffersOfTables } from "../dataset/packed-table.ts";
import type { StepDeclaration } from "./loaded-step.ts";
import type { ModuleCommand, ModuleEvent } from "./module-protocol.ts";
import { UserThread } from "./user-thread.ts";
import { LOAD_LIMIT_MS, NO_ROW } from "./user-thread-protocol.ts";

export type ModuleAnswer = Extract<ModuleEvent, { kind: "done" }>;
type ModuleRun = Extract<ModuleCommand, { kind: "run" }>;

/** What it opens may be large. */
const OPEN_LIMIT_MS = 300_000;

/** A module thread, as the thread that started it has it. */
export class ModuleThread implements AsyncDisposable {
  readonly #thread: UserThread<ModuleEvent>;
  readonly #loaded = deferred<StepDeclaration>();
  #running: Deferred<ModuleAnswer> | null = null;

  constructor(path: string, where: string) {
    this.#loaded.promise.catch(() => {});
    this.#thread = new UserThread<ModuleEvent>(
      compiledUrl("shared/modules/module-thread.ts"),
      { path, where },
      {
        onEvent: (event) => this.#onEvent(event),
        onLost: (lost) => {
          this.#loaded.reject(lost);
          this.#running?.reject(lost);
          this.#running = null;
        },
      },
    );
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
    return this.#thread.watched(this.#loaded.promise, () => LOAD_LIMIT_MS);
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
    const thread = this.#thread;
    thread.clearRow();
    thread.post(command, buffersOfTables(command.batch));
    const isOpening = () => thread.row === NO_ROW;
    return thread.watched(done.promise, () => (isOpening() ? Math.max(OPEN_LIMIT_MS, limitMs) : limitMs));
  }

  /** Ends it at once, whatever it does. */
  kill(): Promise<void> {
    return this.#thread.kill();
  }

  /** Has the user's code close what it opened, and ends the thread. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread.end();
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
}
