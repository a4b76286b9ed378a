import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { hasEnded } from "../../shared/core/end-thread.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import type { Stage } from "../../shared/domain/worker.ts";
import type { ShardResult } from "../collect/collector.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { locate } from "../read/ways.ts";
import { discardLost } from "./partial-sink.ts";
import {
  packResult,
  type WriteThreadJob,
  type WriteThreadMethods,
  type WriteThreadOwner,
} from "./write-protocol.ts";

interface WriteClientOptions extends WriteThreadJob {
  /** Folder on this machine for data that is not yet stored. */
  readonly scratchPath: string;
  /** Gets the busy times of the write thread. */
  readonly meter: BusyMeter;
  /** Thread that an earlier client has left, which this one takes over. Default: one is started. */
  readonly thread?: Worker;
  /** Default: the write thread. */
  readonly script?: URL;
}

/**
 * Starts a thread that loads the write thread's modules before a client takes it over. The thread does not
 * keep its parent running.
 */
export function startWriteThread(script?: URL): Worker {
  const thread = new Worker(script ?? compiledUrl("worker/write/write-thread.ts"));
  // The client detects an ended thread by its id.
  thread.on("error", () => {});
  thread.unref();
  return thread;
}

export interface WriteFacts {
  readonly lease: Pick<Lease, "shard" | "token">;
  readonly executionId: ExecutionId;
  readonly signal: AbortSignal;
}

/**
 * Client of a shard thread's write thread, which starts at once, to be ready for the first shard. A thread
 * that ended is replaced at the next write, and its incomplete partial is removed.
 */
export class WriteThreadClient implements AsyncDisposable {
  readonly #options: WriteClientOptions;
  #worker: Worker;
  #thread: Remote<WriteThreadMethods>;
  #closed = false;

  constructor(options: WriteClientOptions) {
    this.#options = options;
    const { thread, script } = options;
    this.#worker = thread === undefined || hasEnded(thread) ? startWriteThread(script) : thread;
    this.#thread = this.#open();
  }

  /**
   * Writes a shard's result as its partial, after earlier ones. The call takes over the memory of `result`.
   * When `signal` aborts, the write stops. The promise resolves or rejects only once nothing is being
   * written.
   *
   * @throws {INTERNAL} when the thread ended
   * @throws the signal's reason once it aborts
   * @throws errors of `writePartial`
   */
  async write(result: ShardResult, facts: WriteFacts): Promise<PartialManifest> {
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "write-"));
    try {
      return await this.#write(result, facts, scratchPath);
    } finally {
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  /**
   * Closes the job, and leaves the thread to the next owner. No write may be running.
   *
   * @returns undefined when the thread has ended
   */
  async leave(): Promise<Worker | undefined> {
    this.#closed = true;
    try {
      await this.#thread.call("closeJob", null, { signal: NEVER });
    } catch {
      await this.#thread.close(Number.POSITIVE_INFINITY);
      return undefined;
    }
    this.#thread.release();
    // Until its next owner takes it, it ends with its parent.
    this.#worker.unref();
    return this.#worker;
  }

  /** Abandons the current write, and waits for the thread to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#thread.close(Number.POSITIVE_INFINITY);
  }

  async #write(result: ShardResult, write: WriteFacts, scratchPath: string): Promise<PartialManifest> {
    const { lease, executionId, signal } = write;
    signal.throwIfAborted();
    if (this.#closed) throw new ShardmillError("INTERRUPTED", "the job is closed on this worker");
    if (this.#thread.error !== null) {
      this.#worker = startWriteThread(this.#options.script);
      this.#thread = this.#open();
    }
    const thread = this.#thread;
    const { shard, token } = lease;
    const { packed, transfer } = packResult(result);
    const requested = { lease: { shard, token }, executionId, scratchPath, result: packed };
    try {
      return await thread.call("write", requested, { transfer, onAbort: "wait", signal });
    } catch (error) {
      // A thread that crashed could not clean up.
      if (thread.error !== null && !this.#closed) await this.#discard(write);
      throw error;
    }
  }

  /** Removes a partial. The coordinator's sweep removes what remains. */
  async #discard({ lease, executionId }: WriteFacts): Promise<void> {
    const { job, output } = this.#options;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    await discardLost(locate(job.partialsPath, output.kind), folder).catch(() => {});
  }

  #open(): Remote<WriteThreadMethods> {
    const { job, output, meter, scratchPath } = this.#options;
    const serves: WriteThreadOwner = {
      busy(busyMs) {
        for (const [stage, ms] of Object.entries(busyMs)) meter.add(stage as Stage, ms);
      },
    };
    const thread = new Remote<WriteThreadMethods>(new ThreadLink(this.#worker), { serves, lost });
    const { jobId, stores, rowsFormat, rowsForm, hasSample = false, partitionBy = [] } = job;
    const { reduce, reductions, tables, partialsPath } = job;
    const ofJob = {
      jobId,
      stores,
      rowsFormat,
      rowsForm,
      hasSample,
      partitionBy,
      reduce,
      reductions,
      tables,
      partialsPath,
    };
    thread.notify("openJob", { job: ofJob, output, scratchPath });
    return thread;
  }
}

function lost(end: RemoteEnd): ShardmillError {
  return new ShardmillError("INTERNAL", `a write thread ended: ${endText(end)}`, { cause: end });
}
