import { awaitStill, heldByWho, type WaitOptions } from "../../coordinator/journal/await-still.ts";
import { type LockContent, parseLock } from "../../coordinator/journal/lock-file.ts";
import { readRunFile, replaced } from "../../coordinator/journal/run-file.ts";
import type { RunFolder, RunPlace } from "../../coordinator/journal/shared-journals.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { Clock, TimedClock } from "../../shared/core/clock.ts";
import type { ShardmillError } from "../../shared/core/errors.ts";
import type { Processes } from "../../shared/core/process-identity.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { readTextIfThere } from "../../shared/storage/whole-file.ts";

/** Interval of a holder's heartbeats. Each costs a put and two reads. */
const BEAT_MS = 5_000;

/** Validity of a check. It limits checks to two reads a second. */
const SURE_MS = 1_000;
/** Limit of a request that a holder starts while its check is valid. */
const REQUEST_MS = 2_000;

/**
 * Time in which a replaced holder may still write without a new check. The next object number must stay taken
 * for this time.
 */
export const UNAWARE_MS = SURE_MS + REQUEST_MS;

/**
 * Limit of a release. At the end of a process, an unreachable store or refused credentials must not block it.
 * The next coordinator then waits until the heartbeats stop.
 */
const RELEASE_MS = 1_000;

interface HoldOptions extends RunPlace {
  readonly processes: Processes;
  readonly clock: TimedClock;
  /** Random id of this holder, in hex. */
  readonly nonce: string;
}

interface SilenceOptions extends WaitOptions, RunFolder {
  /** Earlier result of `awaitSilence`: the last heartbeat of a lost coordinator. */
  readonly silent?: string | null;
}

function beatOf(own: Location): Location {
  return below(own, "holder.json");
}

/**
 * Waits until the holder of the journal has released it or is lost. It saves work only. The journal's next
 * object number decides between two holders (`BucketSegment`).
 *
 * @returns the lost holder's last heartbeat, or null for a released journal
 * @throws {OUTPUT_LOCKED} when the holder sends heartbeats
 */
export async function awaitSilence({
  own,
  storage,
  silent = null,
  ...options
}: SilenceOptions): Promise<string | null> {
  const path = beatOf(own);
  const read = () => readTextIfThere(storage, path, NEVER);
  const before = await read();
  if (before === null || before === silent) return before;
  return await awaitStill({ ...options, path, read });
}

/**
 * @param shown result of `awaitSilence`
 * @throws {OUTPUT_LOCKED} when a holder has sent a heartbeat since
 */
export async function refuseNews({ own, storage }: RunFolder, shown: string | null): Promise<void> {
  const beat = beatOf(own);
  const now = await readTextIfThere(storage, beat, NEVER);
  if (now !== null && now !== shown) throw heldByWho(now, beat);
}

/**
 * Journal in a bucket that this process holds. A heartbeat object that changes every few seconds announces
 * it. Actions of the holder alone follow `confirm`. It checks that no other coordinator put the journal's
 * next object or began another run. A recent check counts.
 */
export class BucketHold implements AsyncDisposable {
  readonly #options: HoldOptions;
  readonly #lost = new AbortController();
  readonly #ending = new AbortController();
  #ahead: (signal: AbortSignal) => Promise<void> = async () => {};
  #sureFrom: Moment | null = null;
  #beats = 0;
  #beating: Promise<void> = Promise.resolve();
  #callOff: () => void = () => {};
  #released = false;

  private constructor(options: HoldOptions) {
    this.#options = options;
  }

  /** Starts the heartbeats. Other coordinators then wait before they read the journal. */
  static async begin(options: HoldOptions): Promise<BucketHold> {
    const hold = new BucketHold(options);
    await hold.#putBeat();
    hold.#beatSoon();
    return hold;
  }

  /** Aborts with OUTPUT_LOCKED when another coordinator has taken over the job. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  lose(error: ShardmillError): void {
    this.#lost.abort(error);
  }

  /** @param ahead checks the journal's next number from now on */
  watch(ahead: (signal: AbortSignal) => Promise<void>): void {
    this.#ahead = ahead;
  }

  /**
   * @throws {OUTPUT_LOCKED} when another coordinator has taken over the job
   * @throws the errors of the storage
   */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (isSure(this.#sureFrom, momentOf(this.#options.clock))) return;
    await this.#look(NEVER);
  }

  /** Releases the journal, so that the next coordinator need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#callOff();
    const callOff = this.#options.clock.after(RELEASE_MS, () =>
      this.#ending.abort(new Error("the hold ends")),
    );
    await this.#beating;
    await this.#removeBeat();
    callOff();
  }

  /**
   * Removes the heartbeat object unless another holder has written it. After a failed removal, others wait
   * until it is stale.
   */
  async #removeBeat(): Promise<void> {
    const { storage, own, nonce } = this.#options;
    if (this.#beats === 0 || this.#lost.signal.aborted) return;
    const { signal } = this.#ending;
    const there = await readTextIfThere(storage, beatOf(own), signal).catch(() => null);
    if (there !== null && parseLock(there)?.nonce === nonce)
      await storage.remove(beatOf(own), signal).catch(() => {});
  }

  #beatSoon(): void {
    this.#callOff = this.#options.clock.after(BEAT_MS, () => {
      this.#beating = this.#beat();
    });
  }

  async #beat(): Promise<void> {
    try {
      await this.#look(this.#ending.signal);
      await this.#putBeat();
    } catch {
      // `#look` has reported a lost hold. An unreachable store is asked again by `confirm`.
    }
    if (!this.#released && !this.#lost.signal.aborted) this.#beatSoon();
  }

  async #putBeat(): Promise<void> {
    const { storage, own, processes, nonce } = this.#options;
    this.#beats += 1;
    const content: LockContent & { readonly beats: number } = {
      ...processes.own(),
      nonce,
      beats: this.#beats,
    };
    await storage.put(beatOf(own), sourceOfBytes(`${JSON.stringify(content)}\n`), {
      signal: this.#ending.signal,
    });
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { storage, runFile, run, clock } = this.#options;
    const began = momentOf(clock);
    const found = await readRunFile(runFile, storage, signal);
    if (found !== run) {
      const error = replaced(runFile, run, found);
      this.lose(error);
      throw error;
    }
    await this.#ahead(signal);
    this.#sureFrom = began;
  }
}

interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), wallMs: clock.wallMs() };
}

/**
 * Checks both clocks: the monotonic one stops while a machine is suspended, and people set the wall clock.
 */
function isSure(from: Moment | null, now: Moment): boolean {
  if (from === null) return false;
  const passed = [now.nowMs - from.nowMs, now.wallMs - from.wallMs];
  return passed.every((ms) => 0 <= ms && ms < SURE_MS);
}
