import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { CheckPlace } from "./check-partial.ts";
import type { CheckFinding, PartialsChecker } from "./check-partials.ts";

/**
 * What a check may take: the slowest storage that anybody would put partials on, and a pause of it on top.
 * Beyond that it hangs. Its work is bounded, so only storage that does not answer gets here; the shard is
 * then retried, and sooner would only repeat work for a storage that comes back.
 */
const LIMIT_MS = 300_000;
const SLOWEST_BYTES_PER_MS = 1_000;

/**
 * A check holds a megabyte or two, and the largest footer that is read. What is beyond is a fault, and ends
 * the thread.
 */
const HEAP_LIMIT_MIB = 256;

interface CheckerThreadOptions {
  /** Left out: the check thread. */
  readonly script?: URL;
  /** What a check may take beside reading its bytes. Left out: five minutes. */
  readonly limitMs?: number;
}

/**
 * A checker in a thread of its own. It breaks when the thread dies or hangs: what it was at then is judged by
 * its owner.
 */
export class CheckerThreadClient implements PartialsChecker {
  readonly #thread: Worker;
  readonly #limitMs: number;
  #asked: Deferred<readonly CheckFinding[]> | null = null;
  #broken: Error | null = null;

  constructor(place: CheckPlace, { script, limitMs = LIMIT_MS }: CheckerThreadOptions = {}) {
    this.#limitMs = limitMs;
    this.#thread = new Worker(script ?? compiledUrl("coordinator/commit/checker-thread.ts"), {
      workerData: place,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB },
    });
    this.#thread.unref();
    this.#thread.on("message", (findings: readonly CheckFinding[]) => this.#asked?.resolve(findings));
    this.#thread.on("error", (error) => this.#break(`it broke (${messageOf(error)})`));
    this.#thread.on("exit", (code) => this.#break(`it ended with ${code}`));
  }

  async check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]> {
    if (this.#broken !== null) throw this.#broken;
    const asked = deferred<readonly CheckFinding[]>();
    this.#asked = asked;
    const limitMs = this.#limitMs + bytesOf(partials) / SLOWEST_BYTES_PER_MS;
    const timer = setTimeout(
      () => this.#break(`it did not answer for ${Math.round(limitMs / 1000)} s`),
      limitMs,
    );
    this.#thread.postMessage(partials);
    try {
      return await asked.promise;
    } finally {
      clearTimeout(timer);
      this.#asked = null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#break("it was ended");
    await this.#thread.terminate();
  }

  /** A thread in a call that does not return ends only when that does: nobody waits for it. */
  #break(what: string): void {
    if (this.#broken !== null) return;
    this.#broken = new Error(`the thread that checks partials failed: ${what}`);
    this.#asked?.reject(this.#broken);
    void this.#thread.terminate();
  }
}

function bytesOf(partials: readonly PartialManifest[]): number {
  return partials.reduce((sum, { files }) => files.reduce((bytes, file) => bytes + file.bytes, sum), 0);
}
