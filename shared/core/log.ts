import { isatty } from "node:tty";
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import { LOG_FORMAT_VARIABLE, type LogLevel } from "./log-levels.ts";
import { logText } from "./log-text.ts";

export type Logger = PinoLogger;

const STDERR = 2;

/** Limits of a log's kept lines, and of each line's characters. */
const TAIL = { lines: 1_000, chars: 4_000 } as const;

/** Last lines of a log, each JSON. */
export class LogTail {
  readonly #lines: string[] = [];
  #count = 0;

  write(line: string): void {
    this.#lines.push(line.slice(0, TAIL.chars).trimEnd());
    this.#count += 1;
    if (this.#lines.length > TAIL.lines) this.#lines.shift();
  }

  /** @param seen previous `count`. Another log's count, or an invalid one, returns all kept lines. */
  since(seen: number): { readonly lines: readonly string[]; readonly count: number } {
    const isOwn = Number.isSafeInteger(seen) && seen >= 0 && seen <= this.#count;
    const more = isOwn ? Math.min(this.#count - seen, this.#lines.length) : this.#lines.length;
    return { lines: this.#lines.slice(this.#lines.length - more), count: this.#count };
  }
}

/**
 * Makes a logger on stderr: stdout belongs to the command's result. Lines are text on a terminal and JSON
 * elsewhere, unless the environment overrides it.
 *
 * @param tail also receives the lines at `info`, or at a lower level if set
 */
export function createLogger(name: string, level: LogLevel, tail?: LogTail): Logger {
  const stderr = stderrStream();
  const usual = { ...FORM, name, base: { name, pid: process.pid } };
  if (tail === undefined) return pino({ ...usual, level }, stderr);
  const lowest = level === "debug" || level === "trace" ? level : "info";
  const streams = level === "silent" ? [] : [{ level, stream: stderr }];
  return pino({ ...usual, level: lowest }, pino.multistream([...streams, { level: lowest, stream: tail }]));
}

/** Names of times and levels that collectors read without a mapping. */
const FORM = {
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level: string) => ({ level }) },
} as const;

function stderrStream(): DestinationStream {
  const stderr = pino.destination({ dest: STDERR, sync: true });
  const requested = process.env[LOG_FORMAT_VARIABLE];
  const isText = requested === undefined || requested === "" ? isatty(STDERR) : requested === "text";
  return isText ? { write: (line) => stderr.write(logText(line)) } : stderr;
}

export const silentLogger: Logger = pino({ level: "silent" });

/** Makes a logger that writes warnings and errors to `write`, one line of JSON each. */
export function troubleLogger(write: (line: string) => void): Logger {
  return pino({ level: "warn", base: null, timestamp: false }, { write });
}
