import { oneLine } from "../../shared/terminal/text.ts";
import { CHECK_SAYS, type CheckName, type Outcome } from "./checks.ts";

const REDRAW_MS = 1_000;
const CLEAR_LINE = "\r\x1b[K";

/** Shows on stderr which check runs: one live line on a terminal, else a line for each finished check. */
export class Progress implements Disposable {
  readonly #title: string;
  readonly #checks: readonly CheckName[];
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout | null;
  #current: CheckName | null = null;

  constructor(title: string, checks: readonly CheckName[]) {
    this.#title = title;
    this.#checks = checks;
    this.#timer = process.stderr.isTTY ? setInterval(() => this.#draw(), REDRAW_MS) : null;
  }

  begin(check: CheckName): void {
    this.#current = check;
    this.#draw();
  }

  end(check: CheckName, { verdict, detail }: Outcome): void {
    if (this.#timer !== null) return;
    const why = verdict === "ok" ? "" : `: ${oneLine(detail)}`;
    process.stderr.write(`${this.#title}: ${check}: ${verdict}${why}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    process.stderr.write(CLEAR_LINE);
  }

  #draw(): void {
    if (this.#timer === null || this.#current === null) return;
    const place = `${this.#checks.indexOf(this.#current) + 1} of ${this.#checks.length}`;
    const seconds = Math.round((performance.now() - this.#startMs) / 1_000);
    process.stderr.write(
      `${CLEAR_LINE}${this.#title}: ${place}, ${CHECK_SAYS[this.#current]} (${seconds} s)`,
    );
  }
}
