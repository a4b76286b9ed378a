import { Worker } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import { SpareThreads } from "../../shared/core/spare-threads.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { CheckPlace } from "./check-partial.ts";
import type { CheckFinding, PartialsChecker } from "./check-partials.ts";

/**
 * Time limit of a check: a pause of the storage. The time to read the bytes from the slowest useful storage
 * is added. The work is bounded, so only a storage that does not respond reaches the limit. The shard is then
 * retried. A lower limit would only repeat work for a storage that recovers.
 */
const LIMIT_MS = 300_000;
const SLOWEST_BYTES_PER_MS = 1_000;

/**
 * Heap limit of the thread. A check needs a megabyte or two, and the largest footer. More memory is a fault
 * and ends the thread.
 */
const HEAP_LIMIT_MIB = 256;

/** Limit of threads that are kept for later jobs. By default, two windows of a queue run at once. */
const SPARES = 2;

interface CheckerThreadOptions {
  /** Default: the check thread. */
  readonly script?: URL;
  /** Time limit of a check, beside the time to read its bytes. Default: five minutes. */
  readonly limitMs?: number;
}

/** Methods of the thread that checks partials. It checks for one job at a time. */
export interface CheckerThread {
  /** Names the place of the next checks. */
  open(place: CheckPlace): void;
  check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]>;
}

function startChecker(script: URL): Worker {
  const thread = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB } });
  // The client detects an ended thread by its id.
  thread.on("error", () => {});
  return thread;
}

/** Threads that have checked for a job, for the next one. */
const CHECKER_THREADS = new SpareThreads(
  () => startChecker(compiledUrl("coordinator/commit/checker-thread.ts")),
  SPARES,
);

/**
 * A checker in a thread of its own. Once the thread ends or hangs, every check fails. The owner then rejects
 * the partials under check.
 */
export class CheckerThreadClient implements PartialsChecker {
  readonly #link: ThreadLink;
  readonly #thread: Remote<CheckerThread>;
  readonly #limitMs: number;
  readonly #isUsual: boolean;
  #checks = 0;

  constructor(place: CheckPlace, { script, limitMs = LIMIT_MS }: CheckerThreadOptions = {}) {
    this.#limitMs = limitMs;
    this.#isUsual = script === undefined;
    const thread = script === undefined ? CHECKER_THREADS.take() : startChecker(script);
    this.#link = new ThreadLink(thread, { isRef: false });
    const lost = (end: RemoteEnd) => new Error(`the thread that checks partials failed: ${endText(end)}`);
    this.#thread = new Remote(this.#link, { lost });
    this.#thread.notify("open", place);
  }

  async check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
    const limitMs = Math.round(this.#limitMs + bytesOf(partials) / SLOWEST_BYTES_PER_MS);
    this.#checks += 1;
    try {
      return await this.#thread.call("check", partials, { limitMs, signal: NEVER });
    } finally {
      this.#checks -= 1;
    }
  }

  /** Leaves an idle thread to the next job. Ends a thread that checks, or that failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isUsual || this.#checks > 0 || this.#thread.error !== null)
      return await this.#thread[Symbol.asyncDispose]();
    this.#thread.release();
    CHECKER_THREADS.keep(this.#link.thread);
  }
}

function bytesOf(partials: readonly PartialManifest[]): number {
  return partials.reduce((sum, { files }) => files.reduce((bytes, file) => bytes + file.bytes, sum), 0);
}
