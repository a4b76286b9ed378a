import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { formatBytes } from "../core/units.ts";
import type { Fetching } from "../domain/fetching.ts";

/**
 * Window of the rate. On a slow connection, pieces in flight arrive together and far apart. Then the window
 * reaches back to the second last arrival.
 */
const WINDOW_MS = 10_000;
const WINDOW_MARKS = 3;
const SAME_MOMENT_MS = 250;

/** Progress of a fetch: the fetching code counts, the waiting code reads. */
export class FetchProgress {
  readonly #clock: Pick<Clock, "nowMs">;
  #bytes = 0;
  #totalBytes = 0;
  /** Byte counts at moments in the window, and at the last moment before it. */
  readonly #marks: { readonly atMs: number; bytes: number }[] = [];

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** Adds bytes to the expected total. */
  expect(bytes: number): void {
    if (this.#totalBytes === 0) this.#mark();
    this.#totalBytes += bytes;
  }

  came(bytes: number): void {
    this.#bytes += bytes;
    this.#mark();
  }

  /** Resets the progress, when the fetch is complete or failed. */
  clear(): void {
    this.#bytes = 0;
    this.#totalBytes = 0;
    this.#marks.length = 0;
  }

  /** Returns the current progress. Null: no fetch is running. */
  now(): Fetching | null {
    if (this.#bytes >= this.#totalBytes) return null;
    const nowMs = this.#clock.nowMs();
    this.#forget(nowMs);
    const [oldest] = this.#marks;
    const passedMs = oldest === undefined ? 0 : nowMs - oldest.atMs;
    const came = this.#bytes - (oldest?.bytes ?? 0);
    const bytesPerSecond = passedMs <= 0 ? 0 : (came / passedMs) * 1_000;
    return { bytes: this.#bytes, totalBytes: this.#totalBytes, bytesPerSecond };
  }

  #mark(): void {
    const atMs = this.#clock.nowMs();
    const last = this.#marks.length < 2 ? undefined : this.#marks.at(-1);
    if (last !== undefined && atMs - last.atMs < SAME_MOMENT_MS) last.bytes = this.#bytes;
    else this.#marks.push({ atMs, bytes: this.#bytes });
    this.#forget(atMs);
  }

  #forget(nowMs: number): void {
    while (this.#marks.length > WINDOW_MARKS && (this.#marks[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS)
      this.#marks.shift();
  }
}

/** Interval of log lines: shorter fetches log nothing. */
const LOG_EVERY_MS = 10_000;

/** Logs the progress of a fetch at intervals, until it is disposed of. */
export function logFetching(progress: Pick<FetchProgress, "now">, log: Logger, facts: object): Disposable {
  const say = () => {
    const now = progress.now();
    if (now === null) return;
    const { bytes, totalBytes, bytesPerSecond } = now;
    const rate = `${formatBytes(Math.round(bytesPerSecond))}/s`;
    log.info({ ...facts, bytes, totalBytes, rate }, "fetching the model");
  };
  const every = setInterval(say, LOG_EVERY_MS);
  every.unref();
  return { [Symbol.dispose]: () => clearInterval(every) };
}
