import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../shared/core/abort.ts";
import { assertNever } from "../shared/core/assert.ts";
import { errorFromData, ShardmillError, toShardmillError } from "../shared/core/errors.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import { inputCorrupt } from "../shared/dataset/input-errors.ts";
import type { Lease } from "../shared/domain/job.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import { tokenKey } from "../shared/domain/token.ts";
import type { StageShares } from "../shared/domain/worker.ts";
import type { ShardCommand, ShardEvent } from "./shard/shard-protocol.ts";

/** How often a thread that runs shards is looked at. It tells how busy it is about once a second. */
const LOOK_MS = 10_000;

/**
 * A thread that has been silent at so many looks in a row is stuck in one call that does not return, since nothing that it
 * does on purpose takes longer than some seconds: a decoder that a file made loop for ever. Its lease would be renewed for
 * ever, too, for that is the main thread's work. Looks are counted, not minutes: a process that was stopped counts none.
 */
const SILENT_LOOKS = 12;

interface Running {
  readonly lease: Lease;
  isRead: boolean;
  readonly result: Deferred<PartialManifest>;
  readonly onProgress: (rowsDone: number) => void;
}

/** A shard thread as its owner sees it: commands as calls, events as promises. */
export class ShardThreadClient implements AsyncDisposable {
  readonly #thread: Worker;
  readonly #opened = deferred<void>();
  readonly #running = new Map<string, Running>();
  readonly #onBusy: (shares: StageShares) => void;
  readonly #onBroken: (error: ShardmillError) => void;
  readonly #looking: NodeJS.Timeout;
  #silentLooks = 0;
  #closed = false;

  constructor(options: {
    readonly onBusy: (shares: StageShares) => void;
    readonly onBroken: (error: ShardmillError) => void;
    /** Left out: ten seconds. */
    readonly lookMs?: number;
    /** Left out: the shard thread. */
    readonly script?: URL;
  }) {
    this.#onBusy = options.onBusy;
    this.#onBroken = options.onBroken;
    this.#opened.promise.catch(() => {});
    this.#looking = setInterval(() => this.#look(), options.lookMs ?? LOOK_MS).unref();
    this.#thread = new Worker(options.script ?? compiledUrl("./shard/shard-thread.ts", import.meta.url));
    this.#thread.on("message", (event: ShardEvent) => this.#onEvent(event));
    this.#thread.on("error", (error) => this.#break(toShardmillError(error)));
    this.#thread.on("exit", (code) =>
      this.#break(new ShardmillError("INTERNAL", `a shard thread ended with ${code}`)),
    );
  }

  get runningCount(): number {
    return this.#running.size;
  }

  open(command: Extract<ShardCommand, { kind: "openJob" }>): Promise<void> {
    this.#thread.postMessage(command, [...command.lanePorts]);
    return this.#opened.promise;
  }

  /** Runs a shard. When `signal` aborts the thread is told, and the promise rejects at once with its reason. */
  async run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest> {
    const { signal, onProgress } = options;
    signal.throwIfAborted();
    if (this.#closed) throw new ShardmillError("INTERNAL", "the shard thread is gone");
    const key = tokenKey(lease.token);
    const result = deferred<PartialManifest>();
    const onAbort = () => {
      this.#send({ kind: "abandonShard", token: lease.token });
      result.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#running.set(key, { lease, isRead: false, result, onProgress });
    this.#send({ kind: "runShard", lease, executionId });
    try {
      return await result.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#running.delete(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looking);
    this.#rejectAll(new ShardmillError("INTERRUPTED", "the job is closed on this worker"));
    await this.#thread.terminate();
  }

  #send(command: ShardCommand): void {
    if (!this.#closed) this.#thread.postMessage(command);
  }

  #look(): void {
    this.#silentLooks = this.#running.size === 0 ? 0 : this.#silentLooks + 1;
    if (this.#silentLooks <= SILENT_LOOKS) return;
    // Shards are read one after the other, in the order of their leases: the first that is not read yet is at work.
    const running = [...this.#running.values()];
    const stuck = running.find(({ isRead }) => !isRead) ?? running[0];
    if (stuck !== undefined) this.#break(neverEnds(stuck.lease));
  }

  #onEvent(event: ShardEvent): void {
    this.#silentLooks = 0;
    switch (event.kind) {
      case "jobOpened":
        this.#opened.resolve();
        break;
      case "progress":
        this.#running.get(tokenKey(event.token))?.onProgress(event.rowsDone);
        break;
      case "shardDone":
        this.#running.get(tokenKey(event.token))?.result.resolve(event.partial);
        break;
      case "shardFailed":
        this.#running.get(tokenKey(event.token))?.result.reject(errorFromData(event.error));
        break;
      case "busy":
        this.#onBusy(event.shares);
        break;
      case "broken":
        this.#break(errorFromData(event.error));
        break;
      case "shardRead": {
        const running = this.#running.get(tokenKey(event.token));
        if (running !== undefined) running.isRead = true;
        break;
      }
      case "abandoned":
        break;
      default:
        assertNever(event);
    }
  }

  #break(error: ShardmillError): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#looking);
    this.#rejectAll(error);
    this.#onBroken(error);
    void this.#thread.terminate();
  }

  #rejectAll(error: ShardmillError): void {
    this.#opened.reject(error);
    for (const { result } of this.#running.values()) result.reject(error);
  }
}

function neverEnds({ file, shard }: Lease): ShardmillError {
  return inputCorrupt({
    path: file.path,
    where: `rows ${shard.rowStart} to ${shard.rowEnd}`,
    expected: `what the ${file.format === "parquet" ? "Parquet" : "Arrow"} format allows`,
    found: "something that its decoder does not come to an end with",
    poisoned: true,
  });
}
