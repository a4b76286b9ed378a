import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { assertNever } from "../../shared/core/assert.ts";
import { hasEnded } from "../../shared/core/end-thread.ts";
import { errorFromData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import type { Stage } from "../../shared/domain/worker.ts";
import type { ShardResult } from "../collect/collector.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { locate } from "../read/ways.ts";
import { discardLost } from "./partial-sink.ts";
import { packResult, type WriteCommand, type WriteEvent, type WriteThreadJob } from "./write-protocol.ts";

interface WriteClientOptions extends WriteThreadJob {
  /** A folder on this machine for what is not yet stored. */
  readonly scratchPath: string;
  /** Gets what the write thread was busy with. */
  readonly meter: BusyMeter;
  /** From `startWriteThread`, this client's from here on. Left out: one is started. */
  readonly thread?: Worker;
  /** Left out: the write thread. */
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
  readonly executionId: string;
  readonly signal: AbortSignal;
}

/**
 * A shard thread's write thread, as a call. It is there at once, for when the first shard is done; one that
 * died is replaced with the next write, and leaves no half partial behind.
 */
export class WriteThreadClient implements AsyncDisposable {
  readonly #options: WriteClientOptions;
  readonly #writing = new Map<number, Deferred<PartialManifest>>();
  #thread: Worker | null;
  #nextId = 0;
  #closed = false;

  constructor(options: WriteClientOptions) {
    this.#options = options;
    this.#thread = this.#open(options.thread);
  }

  /**
   * Writes a shard's result as its partial, after those that were given before. The memory of `result` is
   * gone with the call. When `signal` aborts it stops; in any case it settles only once nothing is written
   * any more.
   *
   * @throws {INTERNAL} when the thread died; else as `writePartial`
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
    const thread = this.#thread;
    if (thread === null) return;
    const ended = new Promise((resolve) => thread.once("exit", resolve));
    thread.postMessage({ kind: "end" } satisfies WriteCommand);
    await ended;
  }

  async #write(result: ShardResult, write: WriteFacts, scratchPath: string): Promise<PartialManifest> {
    const { lease, executionId, signal } = write;
    signal.throwIfAborted();
    if (this.#closed) throw new ShardmillError("INTERRUPTED", "the job is closed on this worker");
    this.#thread ??= this.#open();
    const thread = this.#thread;
    const id = this.#nextId;
    this.#nextId += 1;
    const done = deferred<PartialManifest>();
    this.#writing.set(id, done);
    const { shard, token } = lease;
    const { packed, transfer } = packResult(result);
    const facts = { lease: { shard, token }, executionId, scratchPath };
    thread.postMessage({ kind: "write", id, ...facts, result: packed } satisfies WriteCommand, [...transfer]);
    const onAbort = () => thread.postMessage({ kind: "abandon", id } satisfies WriteCommand);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await done.promise;
    } catch (error) {
      // A thread that died could not clean up after itself.
      if (thread !== this.#thread) await this.#discard(write);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#writing.delete(id);
    }
  }

  /** What cannot be removed now goes when the coordinator sweeps. */
  async #discard({ lease, executionId }: WriteFacts): Promise<void> {
    const { job, output } = this.#options;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    await discardLost(locate(job.partialsPath, output.kind), folder).catch(() => {});
  }

  #open(ahead?: Worker): Worker {
    const { job, output, script } = this.#options;
    const thread = ahead === undefined || hasEnded(ahead) ? startWriteThread(script) : ahead;
    thread.ref();
    thread.on("message", (event: WriteEvent) => this.#onEvent(event));
    thread.on("error", (error) => this.#end(thread, messageOf(error), error));
    thread.on("exit", (code) => this.#end(thread, `exit code ${code}`));
    const { jobId, stores, rowsFormat, rowsForm, reduce, reductions, partialsPath } = job;
    const ofJob = { jobId, stores, rowsFormat, rowsForm, reduce, reductions, partialsPath };
    thread.postMessage({ kind: "openJob", job: ofJob, output } satisfies WriteCommand);
    return thread;
  }

  #onEvent(event: WriteEvent): void {
    switch (event.kind) {
      case "written":
        this.#writing.get(event.id)?.resolve(event.partial);
        break;
      case "failed":
        this.#writing.get(event.id)?.reject(errorFromData(event.error));
        break;
      case "busy":
        for (const [stage, ms] of Object.entries(event.busyMs)) this.#options.meter.add(stage as Stage, ms);
        break;
      default:
        assertNever(event);
    }
  }

  #end(thread: Worker, detail: string, cause?: unknown): void {
    if (thread !== this.#thread) return;
    this.#thread = null;
    const error = new ShardmillError("INTERNAL", `a write thread ended: ${detail}`, { cause });
    for (const done of this.#writing.values()) done.reject(error);
  }
}
