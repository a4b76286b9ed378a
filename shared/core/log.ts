import { type Logger as PinoLogger, pino } from "pino";

export type Logger = PinoLogger;

export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A structured logger on stderr: stdout belongs to the command's result. */
export function createLogger(name: string, level: LogLevel): Logger {
  return pino({ name, level, base: { name, pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

export const silentLogger: Logger = pino({ level: "silent" });

/** A logger whose warnings and errors go to `write`, a line of JSON each: for who looks at what is logged. */
export function troubleLogger(write: (line: string) => void): Logger {
  return pino({ level: "warn", base: null, timestamp: false }, { write });
}
