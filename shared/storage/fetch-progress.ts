import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import { formatBytes } from "../core/units.ts";
import type { Fetching } from "../domain/fetching.ts";

/**
 * A rate is that of so long. Several pieces are on their way at once, and on a slow line they come together
 * and far apart: then it is that since the moment but one when some came.
 */
const WINDOW_MS = 10_000;
const WINDOW_MARKS = 3;
const SAME_MOMENT_MS = 250;

/** How far a fetch is: whoever fetches counts, whoever waits looks. */
export class FetchProgress {
  readonly #clock: Pick<Clock, "nowMs">;
  #bytes = 0;
  #totalBytes = 0;
  /** What was here at some moments of the last seconds, and at the last one before them. */
  readonly #marks: { readonly atMs: number; bytes: number }[] = [];

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** So many bytes more are wanted. */
  expect(bytes: number): void {
    if (this.#totalBytes === 0) this.#mark();
    this.#totalBytes += bytes;
  }

  came(bytes: number): void {
    this.#bytes += bytes;
    this.#mark();
  }

  /** Nothing is wanted (any more): all is here, or it failed. */
  clear(): void {
    this.#bytes = 0;
    this.#totalBytes = 0;
    this.#marks.length = 0;
  }

  /** Null when nothing is on its way. */
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

/** What takes less is over before anybody wonders. */
const LOG_EVERY_MS = 10_000;

/** Says now and then in the log how far a fetch is, until it is disposed of. */
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
