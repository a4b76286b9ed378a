import { Worker } from "node:worker_threads";
import type { RecordBatch } from "apache-arrow";
import { type Deferred, deferred, orAbort } from "../../shared/core/abort.ts";
import { assert, assertNever } from "../../shared/core/assert.ts";
import { hasEnded } from "../../shared/core/end-thread.ts";
import { errorFromData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../../shared/dataset/packed-table.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { Step, StepResult } from "../../shared/steps/step.ts";
import type { StepCommand, StepEvent, StepThreadOptions } from "./step-protocol.ts";

export interface StepClientOptions extends StepThreadOptions {
  /** Told how long the steps took, whatever became of the record batch. */
  readonly onBusy: (ms: number) => void;
  /** Left out: the step thread. */
  readonly script?: URL;
}

/** A step thread as a step. It works on one record batch at a time. */
export class StepThreadClient implements Step {
  readonly #thread: Worker;
  readonly #onBusy: (ms: number) => void;
  readonly #ended = deferred<void>();
  /** The record batch at work, until it is answered, abandoned or not. */
  #running: Deferred<StepResult> | null = null;
  #death: ShardmillError | null = null;

  constructor({ steps, scratchPath, stores, onBusy, script }: StepClientOptions) {
    this.#onBusy = onBusy;
    const workerData: StepThreadOptions = { steps, scratchPath, stores };
    const thread = new Worker(script ?? compiledUrl("worker/steps/step-thread.ts"), { workerData });
    thread.on("message", (event: StepEvent) => this.#onEvent(event));
    thread.on("error", (error) => this.#die(messageOf(error), error));
    thread.on("exit", (code) => this.#die(`exit code ${code}`));
    thread.once("exit", () => this.#ended.resolve());
    this.#thread = thread;
  }

  /** Whether it can be given a record batch. */
  get isFree(): boolean {
    return this.#running === null && this.#death === null;
  }

  get hasDied(): boolean {
    return this.#death !== null;
  }

  /**
   * A copy of the record batch goes to the thread. When `signal` aborts, this throws its reason at once; the
   * thread is free again when it has let go: see {@link untilFree}.
   *
   * @throws what the steps throw; {INTERNAL} when the thread died
   */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    assert(this.#running === null, "a step thread works on one record batch at a time");
    if (this.#death !== null) throw this.#death;
    const packed = packBatch(plainCopy(batch));
    const done = deferred<StepResult>();
    this.#running = done;
    this.#post({ kind: "run", batch: packed }, buffersOfTables(packed));
    try {
      return await orAbort(done.promise, signal);
    } catch (error) {
      if (signal.aborted) this.#post({ kind: "abandon" });
      throw error;
    }
  }

  /** Resolves when the thread has answered what it was given, or is dead. */
  async untilFree(): Promise<void> {
    await this.#running?.promise.catch(() => {});
  }

  /** Abandons what runs, and waits for the end of the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (hasEnded(this.#thread)) return;
    this.#post({ kind: "end" });
    await this.#ended.promise;
  }

  #post(command: StepCommand, transfer: ArrayBuffer[] = []): void {
    this.#thread.postMessage(command, transfer);
  }

  #onEvent(event: StepEvent): void {
    this.#onBusy(event.busyMs);
    const done = this.#running;
    this.#running = null;
    switch (event.kind) {
      case "done":
        done?.resolve(resultOf(event));
        break;
      case "failed":
        done?.reject(errorFromData(event.error));
        break;
      default:
        assertNever(event);
    }
  }

  #die(detail: string, cause?: unknown): void {
    this.#death ??= new ShardmillError("INTERNAL", `a step thread ended: ${detail}`, { cause });
    const done = this.#running;
    this.#running = null;
    done?.promise.catch(() => {});
    done?.reject(this.#death);
  }
}

function resultOf(done: Extract<StepEvent, { kind: "done" }>): StepResult {
  const { made, sources, failed, noted } = done;
  return { made: unpackBatch(made), sources, failed, noted };
}
