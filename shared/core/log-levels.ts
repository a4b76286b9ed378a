export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Formats of the lines on stderr: for people, or for programs. */
export const LOG_FORMATS = ["text", "json"] as const;

/** Environment variable with one of {@link LOG_FORMATS}. Processes of a command inherit it. */
export const LOG_FORMAT_VARIABLE = "SHARDMILL_LOG_FORMAT";
