import type { RecordBatch } from "apache-arrow";
import { orAbort } from "../../shared/core/abort.ts";
import { assert } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../../shared/dataset/packed-table.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { StepResult } from "../../shared/steps/step.ts";
import type { StepAnswer, StepThreadMethods, StepThreadOptions, StepThreadOwner } from "./step-protocol.ts";

export interface StepClientOptions extends StepThreadOptions {
  /** Called with the steps' time for each record batch, even if it failed. */
  readonly onBusy: (ms: number) => void;
  /** Limit of record batches that the thread takes concurrently. Default: 1. */
  readonly batches?: number;
  /** Default: the step thread. */
  readonly script?: URL;
}

/** Client of a step thread, as a step. */
export class StepThreadClient implements AsyncDisposable {
  readonly #thread: Remote<StepThreadMethods>;
  readonly #batches: number;
  /** Record batches at the thread, until their replies, even if they were aborted. */
  readonly #running = new Map<RecordBatch, Promise<StepAnswer>>();

  constructor({ onBusy, script, batches = 1, ...workerData }: StepClientOptions) {
    this.#batches = batches;
    const link = new ThreadLink(script ?? compiledUrl("worker/steps/step-thread.ts"), { workerData });
    const serves: StepThreadOwner = { busy: onBusy };
    this.#thread = new Remote(link, { serves, lost });
  }

  /** True when the thread can take a record batch. */
  get isFree(): boolean {
    return this.#running.size < this.#batches && !this.hasExited;
  }

  get hasExited(): boolean {
    return this.#thread.error !== null;
  }

  /**
   * Runs the steps on a copy of the record batch. When `signal` aborts, this throws its reason at once. The
   * thread is free again after its reply: see {@link untilDone}.
   *
   * @throws errors of the steps
   * @throws {INTERNAL} when the thread ended
   */
  async run(batch: RecordBatch, shard: Shard | undefined, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    assert(this.isFree, "a step thread works on a limited number of record batches");
    const packed = packBatch(plainCopy(batch));
    const options = { transfer: buffersOfTables(packed), onAbort: "wait" } as const;
    const running = this.#thread.call("run", { batch: packed, shard }, { ...options, signal }).finally(() => {
      this.#running.delete(batch);
    });
    running.catch(() => {});
    this.#running.set(batch, running);
    const { made, ...rest } = await orAbort(running, signal);
    return { made: unpackBatch(made), ...rest };
  }

  /** Resolves when the thread has replied to a record batch, or is lost. */
  async untilDone(batch: RecordBatch): Promise<void> {
    await this.#running.get(batch)?.catch(() => {});
  }

  /** Abandons the current record batches, and waits for the thread to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.close(Number.POSITIVE_INFINITY);
  }
}

function lost(end: RemoteEnd): ShardmillError {
  return new ShardmillError("INTERNAL", `a step thread ended: ${endText(end)}`, { cause: end });
}
