import type { Clock } from "../../shared/core/clock.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { createStyle, type Style } from "../../shared/terminal/style.ts";
import { renderPlainLine, renderProgress } from "./progress.ts";

/** Where progress is written: `process.stderr`, or a stand-in. */
type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

interface LiveProgressOptions {
  readonly stream: ProgressStream;
  readonly clock: Clock;
  /** Asked whenever something is drawn. */
  readonly status: () => JobStatus;
  readonly style?: Style;
  /** Without a terminal: how often a line is written. */
  readonly plainLineMs?: number;
}

/** Ten pictures a second look live; more cost a slow link more than they show. */
const REDRAW_MS = 100;
const PLAIN_LINE_MS = 5_000;

/** The width that every terminal has had since there are any. */
const UNKNOWN_WIDTH = 80;

const CLEAR_DOWN = "\x1b[0J";
const cursorUp = (lines: number) => (lines > 0 ? `\x1b[${lines}A` : "");

/**
 * A job's progress while it runs. On a terminal a few lines are drawn over and over in place; elsewhere a
 * plain line is written every few seconds and at each change of phase. Stopped by `stop` or by `using`.
 *
 * Each picture is one write that ends on the line below it, and the cursor is never hidden: so a process that
 * is killed at any moment leaves a terminal that is fit for use.
 */
export class LiveProgress implements Disposable {
  readonly #options: LiveProgressOptions;
  readonly #style: Style;
  readonly #live: boolean;
  #timer: NodeJS.Timeout | null = null;
  /** Lines on the terminal that the next picture replaces. */
  #drawnLines = 0;
  #lastPlain: { readonly phase: JobStatus["phase"]; readonly atMs: number } | null = null;

  constructor(options: LiveProgressOptions) {
    this.#options = options;
    this.#style = options.style ?? createStyle(options.stream);
    this.#live = options.stream.isTTY === true;
  }

  /** Draws now, and from now on. */
  start(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    // The view never keeps a process alive.
    this.#timer.unref();
    this.#draw();
  }

  /** Writes a line above the view, or, without a terminal, just the line. */
  note(text: string): void {
    if (!this.#live || this.#timer === null) {
      this.#options.stream.write(`${text}\n`);
      return;
    }
    this.#options.stream.write(`\r${cursorUp(this.#drawnLines)}${CLEAR_DOWN}${text}\n`);
    this.#drawnLines = 0;
    this.#draw();
  }

  /** Draws a last time, so that what stays on the screen is true. Again: nothing happens. */
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
    // Terminals that do not know their width say 0. One column stays free: some wrap as soon as the last one
    // is filled.
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
