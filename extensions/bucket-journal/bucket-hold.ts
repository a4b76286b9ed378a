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

/** How often a holder shows that it lives, by a put and two reads. */
const BEAT_MS = 5_000;

/** Time for which a look counts. So looks cost two reads a second at most. */
const SURE_MS = 1_000;
/** Time of a request that a holder began while its look counted. */
const REQUEST_MS = 2_000;

/**
 * Time for which a holder that was replaced may still write without a look. Its next number must stay taken
 * for so long.
 */
export const UNAWARE_MS = SURE_MS + REQUEST_MS;

/**
 * So long whoever lets go of it waits for the store: one that is away, or takes its credentials no more, is
 * not waited for at the end. Then others wait for its silence.
 */
const RELEASE_MS = 1_000;

interface HoldOptions extends RunPlace {
  readonly processes: Processes;
  readonly clock: TimedClock;
  /** In hex: of this holder alone. */
  readonly nonce: string;
}

interface SilenceOptions extends WaitOptions, RunFolder {
  /** Result of `awaitSilence`: what a dead coordinator showed last. */
  readonly silent?: string | null;
}

function beatOf(own: Location): Location {
  return below(own, "holder.json");
}

/**
 * Waits until whoever holds the journal has let go of it, or is dead. It saves work only: two that take
 * themselves for holders are told apart by the next number of the journal (`BucketSegment`).
 *
 * @returns what the dead one showed last; null where nobody is left
 * @throws {OUTPUT_LOCKED} when it is alive: it goes on to show so
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

/** @param shown what `awaitSilence` has given @throws {OUTPUT_LOCKED} when somebody has shown more since */
export async function refuseNews({ own, storage }: RunFolder, shown: string | null): Promise<void> {
  const beat = beatOf(own);
  const now = await readTextIfThere(storage, beat, NEVER);
  if (now !== null && now !== shown) throw heldByWho(now, beat);
}

/**
 * A journal in a bucket that this process holds, and shows to be held by changing an object every few
 * seconds. What nobody but the holder may do, it does after `confirm`: which looks whether another has put
 * the next object of the journal, or begun another run, unless that was looked at just now.
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

  /** Shows from here on that it is held: others wait for its silence before they read the journal. */
  static async begin(options: HoldOptions): Promise<BucketHold> {
    const hold = new BucketHold(options);
    await hold.#putBeat();
    hold.#beatSoon();
    return hold;
  }

  /** Aborts, with OUTPUT_LOCKED, when it turns out that another has taken the job over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  lose(error: ShardmillError): void {
    this.#lost.abort(error);
  }

  /** @param ahead looks at the journal's next number, from here on */
  watch(ahead: (signal: AbortSignal) => Promise<void>): void {
    this.#ahead = ahead;
  }

  /** @throws {OUTPUT_LOCKED} when another has taken the job over @throws what the storage does */
  async confirm(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (isSure(this.#sureFrom, momentOf(this.#options.clock))) return;
    await this.#look(NEVER);
  }

  /** Lets go of it: the next coordinator need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#callOff();
    const callOff = this.#options.clock.after(RELEASE_MS, () => this.#ending.abort(new Error("it ends")));
    await this.#beating;
    await this.#removeBeat();
    callOff();
  }

  /** Whoever took it over shows so in the same object. One that cannot be removed is waited for. */
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
      // Either it is lost, and `#look` has said so; or the store cannot be asked: then `confirm` asks it.
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

/** By both clocks: the one stands still while a machine is suspended, the other is set by people. */
function isSure(from: Moment | null, now: Moment): boolean {
  if (from === null) return false;
  const passed = [now.nowMs - from.nowMs, now.wallMs - from.wallMs];
  return passed.every((ms) => 0 <= ms && ms < SURE_MS);
}
