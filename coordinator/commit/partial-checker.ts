import { type Deferred, deferred } from "../../shared/core/abort.ts";
import { assert } from "../../shared/core/assert.ts";
import { errorFromData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { CheckFinding, PartialsChecker } from "./check-partials.ts";
import { partialInvalid } from "./partial-invalid.ts";

/**
 * Partials in one batch of a checker. Large enough to make messages and the sync of the partials folder
 * cheap. Small enough that the first partial waits only briefly for its result.
 */
const BATCH = 32;
const BATCH_BYTES = 64 << 20;

/**
 * Limit of checkers. Several hash at once and overlap waits for the storage. Each is a thread of about 10
 * MiB, and all but the first are opened on demand.
 */
const MAX_CHECKERS = 4;

interface Requested {
  readonly partial: PartialManifest;
  readonly bytes: number;
  /**
   * True after a checker failed on a batch with this partial. Checking each one alone shows which partial is
   * at fault.
   */
  alone: boolean;
  readonly finding: Deferred<CheckFinding>;
}

interface CheckerOptions {
  readonly openChecker: () => PartialsChecker;
  /** Default: four. */
  readonly maxCheckers?: number;
}

/**
 * Distributes partials over batch checkers, in order of arrival. One checker is opened at once and suffices
 * for small partials. Another is opened when more partials wait than fit into a batch. A partial on which its
 * checker fails is refused, and the checker is replaced, so that no check hangs.
 */
export class PartialChecker implements AsyncDisposable {
  readonly #options: Required<CheckerOptions>;
  readonly #bySignal = new Map<AbortSignal, Set<Requested>>();
  readonly #callOff: (() => void)[] = [];
  #waiting: Requested[] = [];
  #closed = false;
  readonly #idle: PartialsChecker[] = [];
  readonly #checkers = new Set<PartialsChecker>();

  constructor(options: CheckerOptions) {
    this.#options = { maxCheckers: MAX_CHECKERS, ...options };
    // The first checker loads while the first shard is mapped.
    const first = this.#another();
    if (first !== null) this.#idle.push(first);
  }

  /**
   * Checks one partial in a batch with others.
   *
   * @throws {PARTIAL_INVALID} {STORE_FAILED} {STORE_REFUSED}
   * @throws the signal's reason once it aborts
   */
  async check(partial: PartialManifest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    assert(!this.#closed, "nothing is checked once the store is closed");
    const bytes = partial.files.reduce((sum, file) => sum + file.bytes, 0);
    const requested: Requested = { partial, bytes, alone: false, finding: deferred<CheckFinding>() };
    const open = this.#pendingUnder(signal);
    open.add(requested);
    this.#waiting.push(requested);
    this.#startWaiting();
    try {
      const found = await requested.finding.promise;
      if (found !== null) throw errorFromData(found);
    } finally {
      open.delete(requested);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const callOff of this.#callOff.splice(0)) callOff();
    const closed = new ShardmillError("INTERRUPTED", "the checker of partials is closed");
    for (const { finding } of this.#waiting.splice(0)) finding.reject(closed);
    await Promise.all([...this.#checkers].map((checker) => checker[Symbol.asyncDispose]()));
    this.#checkers.clear();
  }

  /** Returns the open checks of a signal. They share one listener: a job has thousands under one signal. */
  #pendingUnder(signal: AbortSignal): Set<Requested> {
    const known = this.#bySignal.get(signal);
    if (known !== undefined) return known;
    const open = new Set<Requested>();
    this.#bySignal.set(signal, open);
    const giveUp = () => {
      this.#waiting = this.#waiting.filter((requested) => !open.has(requested));
      for (const requested of open) requested.finding.reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#callOff.push(() => signal.removeEventListener("abort", giveUp));
    return open;
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0) {
      const checker = this.#idle.pop() ?? this.#another();
      if (checker === null) return;
      void this.#run(checker, this.#nextBatch());
    }
  }

  /** Opens a checker if it is the first, or if a full batch waits. Null: no further checker. */
  #another(): PartialsChecker | null {
    const { maxCheckers, openChecker } = this.#options;
    if (this.#checkers.size >= maxCheckers || (this.#checkers.size > 0 && !this.#isFull())) return null;
    const checker = openChecker();
    this.#checkers.add(checker);
    return checker;
  }

  #isFull(): boolean {
    if (this.#waiting.length >= BATCH) return true;
    let bytes = 0;
    for (const requested of this.#waiting) bytes += requested.bytes;
    return bytes >= BATCH_BYTES;
  }

  #nextBatch(): Requested[] {
    const batch: Requested[] = [];
    let bytes = 0;
    for (const requested of this.#waiting) {
      bytes += requested.bytes;
      if (batch.length > 0 && (requested.alone || bytes > BATCH_BYTES)) break;
      batch.push(requested);
      if (requested.alone || batch.length === BATCH) break;
    }
    this.#waiting.splice(0, batch.length);
    return batch;
  }

  async #run(checker: PartialsChecker, batch: readonly Requested[]): Promise<void> {
    try {
      const findings = await checker.check(batch.map(({ partial }) => partial));
      assert(findings.length === batch.length, "each partial has its finding");
      this.#idle.push(checker);
      for (const [index, finding] of findings.entries()) batch[index]?.finding.resolve(finding);
    } catch (error) {
      this.#checkers.delete(checker);
      this.#judgeAlone(batch, error);
    }
    if (!this.#closed) this.#startWaiting();
  }

  #judgeAlone(batch: readonly Requested[], cause: unknown): void {
    if (batch.length > 1 && !this.#closed) {
      for (const requested of batch) requested.alone = true;
      this.#waiting.unshift(...batch);
      return;
    }
    for (const { partial, finding } of batch) {
      const what = "it cannot be checked";
      finding.reject(
        partialInvalid(partial, { what, expected: "an answer", found: messageOf(cause), cause }),
      );
    }
  }
}
