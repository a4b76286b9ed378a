import { formatSeconds } from "../shared/core/units.ts";

/** Where progress is shown: `process.stderr`, unless a test looks at it. */
interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface LongRunOptions {
  readonly output?: ProgressOutput;
  readonly nowMs?: () => number;
}

/** A line that is drawn over stays true to the clock. */
const DRAW_MS = 1_000;
/** More often than this nobody can read it. */
const LEAST_DRAW_MS = 100;
/** A log is to be read later: two lines a minute are enough to see where it stopped. */
const LOG_MS = 30_000;
/** What is left is not told from less than this: the first steps are also the start. */
const LEAST_SHARE = 0.005;
const DEFAULT_COLUMNS = 80;

/**
 * Shows how far a command of minutes or hours is, and how long it still takes: one line that is drawn over on
 * a terminal, and a line now and then elsewhere.
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
   * @param share of the whole, 0 to 1; null while nobody knows
   * @param what is being done now
   */
  at(share: number | null, what: string): void {
    this.#share = share === null ? null : Math.min(1, Math.max(0, share));
    this.#what = what;
    if (!this.#isDrawn || this.#nowMs() - this.#drawnMs >= LEAST_DRAW_MS) this.#show();
  }

  /** A line of the command's own, which the progress must not be in the way of. */
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
