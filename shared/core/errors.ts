import { type ErrorCode, isErrorCode } from "./error-codes.ts";

export type ErrorField = string | number | boolean | null;

/** One of several faults found at once, with its place. */
export interface Problem {
  /** Place as a path that a user can find: `map.inputs.image.column`, `job.yaml:12:5`, `data/a.parquet`. */
  readonly where: string;
  /** Description of the fault: lower case, no full stop. */
  readonly what: string;
  readonly expected?: string;
  readonly found?: string;
  /** Remedy: "did you mean `pixels`?". */
  readonly hint?: string;
  /** Code of the underlying error, if it may be transient. */
  readonly code?: ErrorCode;
}

interface ErrorOptions {
  /** Facts for machines and tests: `{ shard: 7, path: "a.parquet" }`. */
  readonly fields?: Readonly<Record<string, ErrorField>>;
  readonly problems?: readonly Problem[];
  /** Remedy for the user. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * Shardmill's one error class. `code` decides the consequences (see ERROR_CODES) and crosses the wire.
 * `message` is lower case without a full stop, and `fields` has the facts. Tests compare the code and the
 * fields, never the text.
 */
export class ShardmillError extends Error {
  override readonly name = "ShardmillError";
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, ErrorField>>;
  readonly problems: readonly Problem[];
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? {};
    this.problems = options.problems ?? [];
    this.hint = options.hint;
  }
}

export function isShardmillError(error: unknown, code?: ErrorCode): error is ShardmillError {
  return error instanceof ShardmillError && (code === undefined || error.code === code);
}

/**
 * Returns any thrown value as a ShardmillError. Other errors become INTERNAL, with their cause kept. When a
 * release also fails after an error, returns the first error.
 */
export function toShardmillError(error: unknown): ShardmillError {
  if (error instanceof ShardmillError) return error;
  // Checked by name: Node.js 20 has no such class, and the bundler brings its own.
  if (error instanceof Error && error.name === "SuppressedError" && "suppressed" in error)
    return toShardmillError(error.suppressed);
  return new ShardmillError("INTERNAL", messageOf(error), { cause: error });
}

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return "an object that is not text";
  }
}

/** Error as plain data, for thread messages and the wire. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: Readonly<Record<string, ErrorField>>;
  readonly problems: readonly Problem[];
  readonly hint?: string;
}

export function errorToData(error: unknown): ErrorData {
  const { code, message, fields, problems, hint } = toShardmillError(error);
  return { code, message, fields, problems, ...(hint === undefined ? {} : { hint }) };
}

export function errorFromData(data: ErrorData): ShardmillError {
  const { code, message, fields, problems, hint } = data;
  return new ShardmillError(isErrorCode(code) ? code : "INTERNAL", message, {
    fields,
    problems,
    ...(hint === undefined ? {} : { hint }),
  });
}
