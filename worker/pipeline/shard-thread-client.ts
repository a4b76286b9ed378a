import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { assertNever } from "../../shared/core/assert.ts";
import { hasEnded, untilEnded } from "../../shared/core/end-thread.ts";
import { errorFromData, ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { inputCorrupt } from "../../shared/dataset/input-errors.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import { FORMAT_NAMES } from "../../shared/domain/dataset.ts";
import type { Lease, LeaseSlice } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { type Token, tokenKey } from "../../shared/domain/token.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import { AHEAD, type ShardCommand, type ShardEvent } from "./shard-protocol.ts";

/** How often a thread that runs shards is looked at. It tells how busy it is about once a second. */
const LOOK_MS = 10_000;

/**
 * A thread that has been silent at so many looks in a row is stuck in one call that does not return, since
 * nothing that it does on purpose takes longer than some seconds: a decoder that a file made loop for ever.
 * Its lease would be renewed for ever, too, for that is the main thread's work. Looks are counted, not
 * minutes: a process that was stopped counts none.
 */
const SILENT_LOOKS = 12;

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (rowsDone: number) => void;
  /** All its input was handed to the lanes: the thread reads the next. */
  readonly onRead?: () => void;
}

/** The busy shares and the positions since the thread last reported, and the size of its batches. */
export type OnBusy = (shares: StageShares, positions: PositionCounts, batch: BatchInUse | null) => void;

/** How long a thread may take to close what it has open. */
const CLOSE_LIMIT_MS = 5_000;

interface Running {
  readonly lease: Lease;
  /** The slice of the lease that is read; null before the first and after the last. */
  reading: LeaseSlice | null;
  readonly result: Deferred<PartialManifest>;
  readonly options: RunOptions;
}

/**
 * A thread that loads what a shard thread needs, ahead of the client that takes it over.
 *
 * @param options.ahead long before: it loads its write thread, too
 */
export function startShardThread(options: { readonly ahead?: boolean; readonly script?: URL } = {}): Worker {
  const thread = new Worker(options.script ?? compiledUrl("worker/pipeline/shard-thread.ts"), {
    ...(options.ahead === true ? { workerData: AHEAD } : {}),
  });
  // Whoever takes it over sees by its id that it is gone.
  thread.on("error", () => {});
  return thread;
}

/** A shard thread as its owner sees it: commands as calls, events as promises. */
export class ShardThreadClient implements AsyncDisposable {
  readonly #thread: Worker;
  readonly #opened = deferred<void>();
  readonly #running = new Map<string, Running>();
  readonly #onBusy: OnBusy;
  readonly #onLearned: (learned: LearnedBatch) => void;
  readonly #onFarFile: (path: string) => void;
  readonly #onLanesBusy: () => void;
  readonly #onBroken: (error: ShardmillError) => void;
  readonly #looking: NodeJS.Timeout;
  readonly #closeLimitMs: number;
  #silentLooks = 0;
  #closed = false;

  constructor(options: {
    readonly onBusy: OnBusy;
    readonly onLearned?: (learned: LearnedBatch) => void;
    readonly onFarFile?: (path: string) => void;
    readonly onLanesBusy?: () => void;
    readonly onBroken: (error: ShardmillError) => void;
    /** Left out: ten seconds. */
    readonly lookMs?: number;
    /** Left out: five seconds. */
    readonly closeLimitMs?: number;
    /** From `startShardThread`, this client's from here on. Left out: one is started. */
    readonly thread?: Worker;
  }) {
    this.#onBusy = options.onBusy;
    this.#onLearned = options.onLearned ?? (() => {});
    this.#onFarFile = options.onFarFile ?? (() => {});
    this.#onLanesBusy = options.onLanesBusy ?? (() => {});
    this.#onBroken = options.onBroken;
    this.#closeLimitMs = options.closeLimitMs ?? CLOSE_LIMIT_MS;
    this.#opened.promise.catch(() => {});
    this.#looking = setInterval(() => this.#look(), options.lookMs ?? LOOK_MS).unref();
    this.#thread = options.thread ?? startShardThread();
    this.#thread.on("message", (event: ShardEvent) => this.#onEvent(event));
    this.#thread.on("error", (error) => this.#break(toShardmillError(error)));
    this.#thread.on("exit", (code) =>
      this.#break(new ShardmillError("INTERNAL", `a shard thread ended with ${code}`)),
    );
    if (hasEnded(this.#thread)) this.#break(new ShardmillError("INTERNAL", "a shard thread ended at once"));
  }

  get runningCount(): number {
    return this.#running.size;
  }

  open(command: Extract<ShardCommand, { kind: "openJob" }>): Promise<void> {
    this.#thread.postMessage(command, [...command.lanePorts]);
    return this.#opened.promise;
  }

  /**
   * Runs a shard. When `signal` aborts the thread is told, and the promise rejects at once with its reason.
   */
  async run(lease: Lease, executionId: string, options: RunOptions): Promise<PartialManifest> {
    const { signal } = options;
    signal.throwIfAborted();
    if (this.#closed) throw new ShardmillError("INTERNAL", "the shard thread is gone");
    const key = tokenKey(lease.token);
    const result = deferred<PartialManifest>();
    const onAbort = () => {
      this.#send({ kind: "abandonShard", token: lease.token });
      result.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#running.set(key, { lease, reading: null, result, options });
    this.#send({ kind: "runShard", lease, executionId });
    try {
      return await result.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#running.delete(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#send({ kind: "end" });
      this.#closed = true;
      clearInterval(this.#looking);
      this.#rejectAll(new ShardmillError("INTERRUPTED", "the job is closed on this worker"));
    }
    if (!(await untilEnded(this.#thread, this.#closeLimitMs))) void this.#thread.terminate();
  }

  #send(command: ShardCommand): void {
    if (!this.#closed) this.#thread.postMessage(command);
  }

  #look(): void {
    this.#silentLooks = this.#running.size === 0 ? 0 : this.#silentLooks + 1;
    if (this.#silentLooks <= SILENT_LOOKS) return;
    this.#break(stuckOn([...this.#running.values()]));
  }

  #onEvent(event: ShardEvent): void {
    this.#silentLooks = 0;
    switch (event.kind) {
      case "jobOpened":
        this.#opened.resolve();
        break;
      case "progress":
        this.#running.get(tokenKey(event.token))?.options.onProgress(event.rowsDone);
        break;
      case "shardDone":
        this.#running.get(tokenKey(event.token))?.result.resolve(event.partial);
        break;
      case "shardFailed":
        this.#running.get(tokenKey(event.token))?.result.reject(errorFromData(event.error));
        break;
      case "busy":
        this.#onBusy(event.shares, event.positions, event.batch);
        break;
      case "farFile":
        this.#onFarFile(event.path);
        break;
      case "lanesBusy":
        this.#onLanesBusy();
        break;
      case "learned":
        this.#onLearned(event.learned);
        break;
      case "broken":
        this.#break(errorFromData(event.error));
        break;
      case "fileStarted":
        this.#noteFile(event);
        break;
      case "shardRead":
        this.#noteRead(event.token);
        break;
      case "abandoned":
        break;
      default:
        assertNever(event);
    }
  }

  #noteFile({ token, slice }: Extract<ShardEvent, { kind: "fileStarted" }>): void {
    const running = this.#running.get(tokenKey(token));
    if (running !== undefined) running.reading = running.lease.slices[slice] ?? null;
  }

  #noteRead(token: Token): void {
    const running = this.#running.get(tokenKey(token));
    if (running === undefined) return;
    running.reading = null;
    running.options.onRead?.();
  }

  #break(error: ShardmillError): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#looking);
    this.#rejectAll(error);
    this.#onBroken(error);
    // Stuck in JavaScript or WebAssembly, which can be ended. Should its write thread be inside DuckDB all
    // this time, the process dies of it, as of any native crash: the supervisor starts another.
    void this.#thread.terminate();
  }

  #rejectAll(error: ShardmillError): void {
    this.#opened.reject(error);
    for (const { result } of this.#running.values()) result.reject(error);
  }
}

/** Enough to look at. */
const SHOWN_PATHS = 4;

/**
 * Why a thread is stuck. Two files may be decoded at once, the shard at work and the one that is prefetched:
 * then neither is accused, and both shards are run again, each alone, which tells.
 */
function stuckOn(running: readonly Running[]): ShardmillError {
  const begun = running.flatMap(({ reading }) => reading ?? []);
  const suspects = begun.length > 0 ? begun : running.slice(0, 1).flatMap(({ lease }) => lease.slices);
  const [first, ...others] = suspects;
  if (first !== undefined && others.every(({ file }) => file.path === first.file.path))
    return neverEnds(first);
  const paths = suspects.slice(0, SHOWN_PATHS).map(({ file }) => file.path);
  const more = suspects.length > SHOWN_PATHS ? ` and ${suspects.length - SHOWN_PATHS} more` : "";
  return new ShardmillError(
    "WORKER_DIED",
    `a shard thread is stuck with one of ${paths.join(" and ")}${more}`,
    {
      fields: { paths: paths.join(" ") },
    },
  );
}

function neverEnds({ file, rowStart, rowEnd }: LeaseSlice): ShardmillError {
  return inputCorrupt({
    path: file.path,
    where: `rows ${rowStart} to ${rowEnd - 1}`,
    expected: `what the ${FORMAT_NAMES[file.format]} format allows`,
    found: "something that its decoder does not come to an end with",
    poisoned: true,
  });
}
