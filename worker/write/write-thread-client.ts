import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
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
  /** A folder on this machine for what is not yet stored. */
  readonly scratchPath: string;
  /** Gets what the write thread was busy with. */
  readonly meter: BusyMeter;
  /** From `startWriteThread`, this client's from here on. Default: one is started. */
  readonly thread?: Worker;
  /** Default: the write thread. */
  readonly script?: URL;
}

/**
 * A thread that loads what a write thread needs, ahead of the client that takes it over. It does not keep
 * its parent alive.
 */
export function startWriteThread(script?: URL): Worker {
  const thread = new Worker(script ?? compiledUrl("worker/write/write-thread.ts"));
  // Whoever takes it over sees by its id that it is gone.
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
 * A shard thread's write thread, as a call. It is there at once, for when the first shard is done. One that
 * died is replaced with the next write, and leaves no half partial behind.
 */
export class WriteThreadClient implements AsyncDisposable {
  readonly #options: WriteClientOptions;
  #thread: Remote<WriteThreadMethods>;
  #closed = false;

  constructor(options: WriteClientOptions) {
    this.#options = options;
    const { thread } = options;
    this.#thread = this.#open(thread === undefined || hasEnded(thread) ? undefined : thread);
  }

  /**
   * Writes a shard's result as its partial, after those that were given before. The memory of `result` is
   * gone with the call. When `signal` aborts it stops. In any case it settles only once nothing is written
   * any more.
   *
   * @throws {INTERNAL} when the thread died. The signal's reason once it aborts. Else as `writePartial`.
   */
  async write(result: ShardResult, facts: WriteFacts): Promise<PartialManifest> {
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "write-"));
    try {
      return await this.#write(result, facts, scratchPath);
    } finally {
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  /** Abandons what is written, and waits for the end of the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#thread.close(Number.POSITIVE_INFINITY);
  }

  async #write(result: ShardResult, write: WriteFacts, scratchPath: string): Promise<PartialManifest> {
    const { lease, executionId, signal } = write;
    signal.throwIfAborted();
    if (this.#closed) throw new ShardmillError("INTERRUPTED", "the job is closed on this worker");
    if (this.#thread.error !== null) this.#thread = this.#open();
    const thread = this.#thread;
    const { shard, token } = lease;
    const { packed, transfer } = packResult(result);
    const asked = { lease: { shard, token }, executionId, scratchPath, result: packed };
    try {
      return await thread.call("write", asked, { transfer, onAbort: "wait", signal });
    } catch (error) {
      // A thread that died could not clean up after itself.
      if (thread.error !== null && !this.#closed) await this.#discard(write);
      throw error;
    }
  }

  /** What cannot be removed now goes when the coordinator sweeps. */
  async #discard({ lease, executionId }: WriteFacts): Promise<void> {
    const { job, output } = this.#options;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    await discardLost(locate(job.partialsPath, output.kind), folder).catch(() => {});
  }

  #open(ahead?: Worker): Remote<WriteThreadMethods> {
    const { job, output, script, meter } = this.#options;
    const serves: WriteThreadOwner = {
      busy(busyMs) {
        for (const [stage, ms] of Object.entries(busyMs)) meter.add(stage as Stage, ms);
      },
    };
    const link = new ThreadLink(ahead ?? startWriteThread(script));
    const thread = new Remote<WriteThreadMethods>(link, { serves, lost });
    const { jobId, stores, rowsFormat, rowsForm, reduce, reductions, partialsPath } = job;
    const ofJob = { jobId, stores, rowsFormat, rowsForm, reduce, reductions, partialsPath };
    thread.tell("openJob", { job: ofJob, output });
    return thread;
  }
}

function lost(end: RemoteEnd): ShardmillError {
  return new ShardmillError("INTERNAL", `a write thread ended: ${endText(end)}`, { cause: end });
}
