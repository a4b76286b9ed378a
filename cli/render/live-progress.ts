import type { Clock } from "../../shared/core/clock.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { createStyle, type Style } from "../../shared/terminal/style.ts";
import { renderPlainLine, renderProgress } from "./progress.ts";

/** Target of the progress: `process.stderr`, or a replacement in tests. */
type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

interface LiveProgressOptions {
  readonly stream: ProgressStream;
  readonly clock: Clock;
  /** Called for each drawing. */
  readonly status: () => JobStatus;
  readonly style?: Style;
  /** Interval of lines without a terminal. */
  readonly plainLineMs?: number;
}

/** Interval of drawings. Ten a second look live, and more would only load a slow connection. */
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5_000;

/** Width for terminals that do not report one. */
const UNKNOWN_WIDTH = 80;

const CLEAR_DOWN = "\x1b[0J";
const cursorUp = (lines: number) => (lines > 0 ? `\x1b[${lines}A` : "");

/**
 * Progress of a running job. On a terminal it redraws a few lines in place. Elsewhere it writes a plain line
 * every few seconds and at each change of phase. Stopped by `stop` or by `using`.
 *
 * Each drawing is one write that ends on the line below it, and the cursor is never hidden. So a process that
 * is killed at any moment leaves a usable terminal.
 */
export class LiveProgress implements Disposable {
  readonly #options: LiveProgressOptions;
  readonly #style: Style;
  readonly #live: boolean;
  #timer: NodeJS.Timeout | null = null;
  /** Lines on the terminal that the next drawing replaces. */
  #drawnLines = 0;
  #lastPlain: { readonly phase: JobStatus["phase"]; readonly atMs: number } | null = null;

  constructor(options: LiveProgressOptions) {
    this.#options = options;
    this.#style = options.style ?? createStyle(options.stream);
    this.#live = options.stream.isTTY === true;
  }

  /** Draws now and then regularly. */
  start(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    // The view must not keep the process running.
    this.#timer.unref();
    this.#draw();
  }

  /** Writes a line above the view. Without a terminal, writes just the line. */
  note(text: string): void {
    if (!this.#live || this.#timer === null) {
      this.#options.stream.write(`${text}\n`);
      return;
    }
    this.#options.stream.write(`\r${cursorUp(this.#drawnLines)}${CLEAR_DOWN}${text}\n`);
    this.#drawnLines = 0;
    this.#draw();
  }

  /** Draws a last time, so that the final state stays on the screen. Safe to repeat. */
  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#draw();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #draw(): void {
    if (this.#live) this.#drawLive(this.#options.status());
    else this.#writePlainIfDue(this.#options.status());
  }

  #drawLive(status: JobStatus): void {
    // Terminals that do not know their width report 0. Leave one column free: some terminals wrap when the
    // last one is filled.
    const columns = (this.#options.stream.columns || UNKNOWN_WIDTH) - 1;
    const lines = renderProgress(status, { columns, style: this.#style });
    this.#options.stream.write(`\r${cursorUp(this.#drawnLines)}${CLEAR_DOWN}${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  #writePlainIfDue(status: JobStatus): void {
    const { clock, plainLineMs = PLAIN_LINE_MS, stream } = this.#options;
    const last = this.#lastPlain;
    const nowMs = clock.nowMs();
    if (last !== null && last.phase === status.phase && nowMs - last.atMs < plainLineMs) return;
    this.#lastPlain = { phase: status.phase, atMs: nowMs };
    stream.write(`${renderPlainLine(status)}\n`);
  }
}
