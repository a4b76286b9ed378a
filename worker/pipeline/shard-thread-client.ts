import { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { assertNever } from "../../shared/core/assert.ts";
import { ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { inputCorrupt, isPoisoned } from "../../shared/dataset/input-errors.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import { formatTitle } from "../../shared/domain/formats.ts";
import type { Lease, LeaseSlice } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import {
  AHEAD,
  type ShardEvent,
  type ShardThreadJob,
  type ShardThreadMethods,
  type ShardThreadOwner,
} from "./shard-protocol.ts";

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
  /** The slice of the lease that is read. Null before the first and after the last. */
  reading: LeaseSlice | null;
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

interface ShardClientOptions {
  readonly onBusy: OnBusy;
  readonly onLearned?: (learned: LearnedBatch) => void;
  readonly onFarFile?: (path: string) => void;
  readonly onLanesBusy?: () => void;
  /** Called when a shard has made progress. */
  readonly onRows?: () => void;
  readonly onBroken: (error: ShardmillError) => void;
  /** Default: ten seconds. */
  readonly lookMs?: number;
  /** Default: five seconds. */
  readonly closeLimitMs?: number;
  /** From `startShardThread`, this client's from here on. Default: one is started. */
  readonly thread?: Worker;
}

/** A shard thread as its owner sees it: one that breaks, or is stuck, is ended. */
export class ShardThreadClient implements AsyncDisposable {
  readonly #remote: Remote<ShardThreadMethods>;
  readonly #running = new Set<Running>();
  readonly #onBroken: (error: ShardmillError) => void;
  readonly #onRows: () => void;
  readonly #looking: NodeJS.Timeout;
  readonly #closeLimitMs: number;
  #silentLooks = 0;

  constructor(options: ShardClientOptions) {
    this.#onBroken = options.onBroken;
    this.#onRows = options.onRows ?? (() => {});
    this.#closeLimitMs = options.closeLimitMs ?? CLOSE_LIMIT_MS;
    this.#looking = setInterval(() => this.#look(), options.lookMs ?? LOOK_MS).unref();
    const serves: ShardThreadOwner = {
      busy: ({ shares, positions, batch }) => {
        this.#silentLooks = 0;
        options.onBusy(shares, positions, batch);
      },
      learned: (learned) => options.onLearned?.(learned),
      farFile: (path) => options.onFarFile?.(path),
      lanesBusy: () => options.onLanesBusy?.(),
    };
    const link = new ThreadLink(options.thread ?? startShardThread());
    this.#remote = new Remote(link, { serves, lost: (end) => this.#lost(end) });
  }

  async open(job: ShardThreadJob): Promise<void> {
    try {
      await this.#remote.call("openJob", job, { transfer: job.lanePorts, signal: NEVER });
    } catch (error) {
      this.#break(toShardmillError(error));
      throw error;
    }
  }

  /** Runs a shard. When `signal` aborts, this throws its reason at once and the thread abandons the shard. */
  async run(lease: Lease, executionId: ExecutionId, options: RunOptions): Promise<PartialManifest> {
    const { signal } = options;
    signal.throwIfAborted();
    // Its error accuses the shards that ran in it, and no other.
    if (this.#remote.error !== null) throw new ShardmillError("INTERNAL", "the shard thread is gone");
    const running: Running = { lease, reading: null };
    const onEvent = (event: ShardEvent) => this.#note(event, running, options);
    this.#running.add(running);
    try {
      return await this.#remote.call("runShard", { lease, executionId }, { onEvent, signal });
    } catch (error) {
      // Behind its own end: the shards beside it end with the same error, and it is the first to be accused.
      if (!signal.aborted && isPoisoned(error)) this.#break(toShardmillError(error));
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking);
    if (!(await this.#remote.close(this.#closeLimitMs))) this.#remote.end();
  }

  #look(): void {
    this.#silentLooks = this.#running.size === 0 ? 0 : this.#silentLooks + 1;
    if (this.#silentLooks > SILENT_LOOKS) this.#break(stuckOn([...this.#running]));
  }

  #note(event: ShardEvent, running: Running, { onProgress, onRead }: RunOptions): void {
    this.#silentLooks = 0;
    switch (event.kind) {
      case "progress":
        if (event.rowsDone > 0) this.#onRows();
        onProgress(event.rowsDone);
        break;
      case "fileStarted":
        running.reading = running.lease.slices[event.slice] ?? null;
        break;
      case "shardRead":
        running.reading = null;
        onRead?.();
        break;
      default:
        assertNever(event);
    }
  }

  /**
   * Stuck in JavaScript or WebAssembly, it can be ended. Should its write thread be inside DuckDB all this
   * time, the process dies of it, as of any native crash: the supervisor starts another.
   */
  #break(error: ShardmillError): void {
    this.#remote.end({ kind: "failed", error });
  }

  #lost(end: RemoteEnd): ShardmillError {
    clearInterval(this.#looking);
    if (end.kind === "closed") return new ShardmillError("INTERRUPTED", "the job is closed on this worker");
    const error =
      end.kind === "failed"
        ? toShardmillError(end.error)
        : new ShardmillError("INTERNAL", `a shard thread ended: ${endText(end)}`);
    this.#onBroken(error);
    return error;
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
    expected: `what the ${formatTitle(file.format)} format allows`,
    found: "something that its decoder does not come to an end with",
    poisoned: true,
  });
}
