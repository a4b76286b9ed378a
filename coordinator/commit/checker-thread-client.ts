import { NEVER } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
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

interface CheckerThreadOptions {
  /** Default: the check thread. */
  readonly script?: URL;
  /** Time limit of a check, beside the time to read its bytes. Default: five minutes. */
  readonly limitMs?: number;
}

/** Methods of the thread that checks partials. */
export interface CheckerThread {
  check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]>;
}

/**
 * A checker in a thread of its own. Once the thread ends or hangs, every check fails. The owner then rejects
 * the partials under check.
 */
export class CheckerThreadClient implements PartialsChecker {
  readonly #thread: Remote<CheckerThread>;
  readonly #limitMs: number;

  constructor(place: CheckPlace, { script, limitMs = LIMIT_MS }: CheckerThreadOptions = {}) {
    this.#limitMs = limitMs;
    const link = new ThreadLink(script ?? compiledUrl("coordinator/commit/checker-thread.ts"), {
      workerData: place,
      heapMib: HEAP_LIMIT_MIB,
      isRef: false,
    });
    const lost = (end: RemoteEnd) => new Error(`the thread that checks partials failed: ${endText(end)}`);
    this.#thread = new Remote(link, { lost });
  }

  check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
    const limitMs = Math.round(this.#limitMs + bytesOf(partials) / SLOWEST_BYTES_PER_MS);
    return this.#thread.call("check", partials, { limitMs, signal: NEVER });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]();
  }
}

function bytesOf(partials: readonly PartialManifest[]): number {
  return partials.reduce((sum, { files }) => files.reduce((bytes, file) => bytes + file.bytes, sum), 0);
}
