import { formatSeconds } from "../shared/core/units.ts";

/** Output for progress: `process.stderr` by default. */
interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface LongRunOptions {
  readonly output?: ProgressOutput;
  readonly nowMs?: () => number;
}

/** Interval of redraws, so that the time shown stays correct. */
const DRAW_MS = 1_000;
/** Shortest time between redraws: people cannot read faster. */
const LEAST_DRAW_MS = 100;
/** Interval of lines in a log: two a minute show where a run stopped. */
const LOG_MS = 30_000;
/** Smallest share from which the remaining time is estimated, because the first steps include the start. */
const LEAST_SHARE = 0.005;
const DEFAULT_COLUMNS = 80;

/**
 * Shows the progress of a long command and its remaining time. A terminal shows one line that is redrawn,
 * other outputs a line at times.
 */
export class LongRun implements Disposable {
  readonly #output: ProgressOutput;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #timer: NodeJS.Timeout;
  #loggedMs: number;
  #share: number | null = null;
  #what = "";
  #isDrawn = false;
  #drawnMs = 0;

  constructor({ output = process.stderr, nowMs = () => performance.now() }: LongRunOptions = {}) {
    this.#output = output;
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#loggedMs = this.#startMs;
    this.#timer = setInterval(() => this.#show(), DRAW_MS).unref();
  }

  get seconds(): number {
    return (this.#nowMs() - this.#startMs) / 1_000;
  }

  /**
   * Sets the progress.
   *
   * @param share done so far, 0 to 1, or null while unknown
   * @param what current work
   */
  at(share: number | null, what: string): void {
    this.#share = share === null ? null : Math.min(1, Math.max(0, share));
    this.#what = what;
    if (!this.#isDrawn || this.#nowMs() - this.#drawnMs >= LEAST_DRAW_MS) this.#show();
  }

  /** Prints a line of the command above the progress. */
  print(text: string, print: (text: string) => void = console.log): void {
    this.#clear();
    print(text);
    if (this.#output.isTTY === true) this.#show();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #show(): void {
    if (this.#what === "") return;
    if (this.#output.isTTY === true) {
      const text = this.#text().slice(0, (this.#output.columns || DEFAULT_COLUMNS) - 1);
      this.#output.write(`\r${text}\x1b[K`);
      this.#isDrawn = true;
      this.#drawnMs = this.#nowMs();
    } else if (this.#nowMs() - this.#loggedMs >= LOG_MS) {
      this.#loggedMs = this.#nowMs();
      this.#output.write(`${this.#text()}\n`);
    }
  }

  #text(): string {
    const took = formatSeconds(Math.round(this.seconds)).replace(".0s", "s");
    const share = this.#share;
    if (share === null || share < LEAST_SHARE) return `${took}: ${this.#what}`;
    const left = formatSeconds(Math.round((this.seconds * (1 - share)) / share)).replace(".0s", "s");
    return `${Math.floor(share * 100)} %, ${left} left: ${this.#what}`;
  }

  #clear(): void {
    if (this.#isDrawn) this.#output.write("\r\x1b[K");
    this.#isDrawn = false;
  }
}
