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
import type {
  LearnedNews,
  ShardEvent,
  ShardThreadJob,
  ShardThreadMethods,
  ShardThreadOwner,
} from "./shard-protocol.ts";

/** Interval of checks on a thread that runs shards, which reports about once a second. */
const LOOK_MS = 10_000;

/**
 * Consecutive silent checks after which a thread counts as stuck. No intended call takes longer than some
 * seconds, but a file may make a decoder loop for ever. The main thread would renew its lease for ever, too.
 * Checks are counted instead of time, because a stopped process makes none.
 */
const SILENT_LOOKS = 12;

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (rowsDone: number) => void;
  /** Called when all input was passed to the lanes, and the thread reads the next shard. */
  readonly onRead?: () => void;
}

/** Callback with the busy shares and positions since the last report, and the batch size. */
export type OnBusy = (shares: StageShares, positions: PositionCounts, batch: BatchInUse | null) => void;

/** Time limit for a thread to close its resources. */
const CLOSE_LIMIT_MS = 5_000;

interface Running {
  readonly lease: Lease;
  /** Slice of the lease that is being read. Null before the first and after the last. */
  reading: LeaseSlice | null;
}

/** Starts a thread that loads the shard thread's modules before a client takes it over. */
export function startShardThread(script = compiledUrl("worker/pipeline/shard-thread.ts")): Worker {
  const thread = new Worker(script);
  // The client detects an ended thread by its id.
  thread.on("error", () => {});
  return thread;
}

interface ShardClientOptions {
  readonly onBusy: OnBusy;
  readonly onLearned?: (news: LearnedNews) => void;
  readonly onFarFile?: (path: string) => void;
  readonly onLanesBusy?: () => void;
  /** Called when a shard has made progress. */
  readonly onRows?: () => void;
  readonly onBroken: (error: ShardmillError) => void;
  /** Default: ten seconds. */
  readonly lookMs?: number;
  /** Default: five seconds. */
  readonly closeLimitMs?: number;
  /** Thread from `startShardThread`, which the client takes over. */
  readonly thread: Worker;
}

/** Client of a shard thread. Ends a thread that breaks or is stuck. */
export class ShardThreadClient implements AsyncDisposable {
  readonly #thread: Worker;
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
      learned: (news) => options.onLearned?.(news),
      farFile: (path) => options.onFarFile?.(path),
      lanesBusy: () => options.onLanesBusy?.(),
    };
    this.#thread = options.thread;
    this.#remote = new Remote(new ThreadLink(options.thread), { serves, lost: (end) => this.#lost(end) });
  }

  async open(job: ShardThreadJob): Promise<void> {
    try {
      const transfer = [...(job.lanePorts ?? []), ...job.stages.flatMap(({ lanePorts }) => lanePorts)];
      await this.#remote.call("openJob", job, { transfer, signal: NEVER });
    } catch (error) {
      this.#break(toShardmillError(error));
      throw error;
    }
  }

  /**
   * Runs a shard. When `signal` aborts, this throws its reason at once, and the thread abandons the shard.
   */
  async run(lease: Lease, executionId: ExecutionId, options: RunOptions): Promise<PartialManifest> {
    const { signal } = options;
    signal.throwIfAborted();
    // The thread's own error would blame this shard, which did not run in it.
    if (this.#remote.error !== null) throw new ShardmillError("INTERNAL", "the shard thread is gone");
    const running: Running = { lease, reading: null };
    const onEvent = (event: ShardEvent) => this.#note(event, running, options);
    this.#running.add(running);
    try {
      return await this.#remote.call("runShard", { lease, executionId }, { onEvent, signal });
    } catch (error) {
      // Only after this shard's own error, so that it is blamed first. Concurrent shards end with the same
      // error.
      if (!signal.aborted && isPoisoned(error)) this.#break(toShardmillError(error));
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  /**
   * Closes the job, and leaves the thread to the next owner. No shard may be running.
   *
   * @returns null when the thread is no longer usable
   */
  async leave(): Promise<Worker | null> {
    clearInterval(this.#looking);
    try {
      await this.#remote.call("closeJob", null, { limitMs: this.#closeLimitMs, signal: NEVER });
    } catch {
      await this[Symbol.asyncDispose]();
      return null;
    }
    this.#remote.release();
    return this.#thread;
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
   * Ends the thread, which works in JavaScript and WebAssembly. If its write thread is inside DuckDB, the
   * process may crash. Then the supervisor starts another.
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

/** Limit of paths in a message. */
const SHOWN_PATHS = 4;

/**
 * Returns why a thread is stuck. Two files may be decoded at once: the current shard's and a prefetched
 * one's. Then neither is blamed. Both shards run again, each alone, which identifies the file.
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
    "WORKER_LOST",
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
    found: "data that its decoder does not finish",
    poisoned: true,
  });
}
