import { messageOf, type Problem, ShardmillError } from "../core/errors.ts";
import { jsonObject } from "../core/json-object.ts";

/** Piece of the user's SQL and its place: `reduce.confusion.final`. */
export interface SqlSource {
  readonly where: string;
  readonly sql: string;
}

/** Error in DuckDB's JSON (`errors_as_json`). */
interface DuckdbError {
  readonly type: string;
  readonly subtype: string | null;
  readonly message: string;
  /** Byte offset into the statement. Null: unknown. */
  readonly position: number | null;
}

/** Kinds of DuckDB's errors that a statement's text causes. Other kinds are failures of a run. */
const STATEMENT_ERRORS: ReadonlySet<string> = new Set([
  "parser",
  "syntax",
  "binder",
  "catalog",
  "permission",
  "not implemented",
  "mismatch type",
  "parameter not resolved",
  "parameter not allowed",
]);

/** Messages of the system about the disk or the process's limits, as opposed to SQL. */
const MACHINE_TROUBLE =
  /no space left|quota exceeded|file too large|read-only file system|too many open files|input\/output error/i;

/** Limit of a hint: long lists of candidate functions help no reader. */
const MAX_HINT_CHARS = 240;
/** Characters of an excerpt on each side of the place in a long line. */
const EXCERPT_CHARS = 60;

/**
 * Translates an error of DuckDB. Fields: `where`, DuckDB's `type` and `subtype`, and `line` and `column`
 * where known.
 *
 * - SQL_INVALID: the statement itself (parser, binder, catalog, a forbidden file), with its place and a caret
 * - STORE_FAILED: the disk (full, read-only, broken) or a limit on files, so that another machine or a retry
 *   may succeed
 * - SQL_FAILED: any other failure of the run (overflow, conversion, out of memory)
 * - INTERRUPTED: `interrupt()` stopped it
 *
 * @param shift bytes before the user's text in DuckDB's statement
 */
export function sqlError(error: unknown, source: SqlSource, shift = 0): ShardmillError {
  if (error instanceof ShardmillError) return error;
  const duckdb = parseDuckdbError(messageOf(error));
  const kind = duckdb.type.toLowerCase();
  const fields = { where: source.where, type: duckdb.type, subtype: duckdb.subtype };
  if (kind === "interrupt") {
    return new ShardmillError("INTERRUPTED", `${source.where} was interrupted`, { fields, cause: error });
  }
  const { what, hint } = splitMessage(duckdb.message);
  if (kind === "io" && MACHINE_TROUBLE.test(duckdb.message)) {
    return new ShardmillError("STORE_FAILED", `${source.where}: ${what}`, { fields, ...hint, cause: error });
  }
  if (!STATEMENT_ERRORS.has(kind)) {
    const message = `${source.where} failed: ${what}`;
    return new ShardmillError("SQL_FAILED", message, { fields, ...hint, cause: error });
  }
  const place = duckdb.position === null ? null : placeOf(source.sql, duckdb.position - shift);
  if (place === null) return sqlInvalid(source.where, { what, ...hint }, fields, error);
  const where = `${source.where} line ${place.line} column ${place.column}`;
  const problem = { what: `${what}\n${place.excerpt}`, ...hint };
  return sqlInvalid(where, problem, { ...fields, line: place.line, column: place.column }, error);
}

/** Problem of SQL with a NUL. DuckDB reads a C string, and would run only the part before the NUL. */
export const NUL_IN_SQL = {
  what: "the SQL contains a NUL character, which DuckDB reads as its end",
  hint: "write chr(0) for the character",
} as const satisfies Omit<Problem, "where">;

/** Returns the error for a statement that a check here refused, before DuckDB. */
export function sqlRefused(source: SqlSource, problem: Omit<Problem, "where">): ShardmillError {
  return sqlInvalid(source.where, problem, { where: source.where, type: "Refused", subtype: null });
}

function sqlInvalid(
  where: string,
  problem: Omit<Problem, "where">,
  fields: ShardmillError["fields"],
  cause?: unknown,
): ShardmillError {
  const { hint } = problem;
  return new ShardmillError("SQL_INVALID", `${where}: ${firstLine(problem.what)}`, {
    fields,
    problems: [{ where, ...problem }],
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Parses a message: `Parser Error: {"exception_type": ...}`. A text without JSON has an unknown type. */
function parseDuckdbError(text: string): DuckdbError {
  const start = text.indexOf('{"exception_type"');
  const data = start < 0 ? null : jsonObject(text.slice(start));
  if (data === null) return { type: "Unknown", subtype: null, message: text, position: null };
  const position = Number(data.position ?? Number.NaN);
  return {
    type: String(data.exception_type ?? "Unknown"),
    subtype: data.error_subtype === undefined ? null : String(data.error_subtype),
    message: String(data.exception_message ?? text),
    position: Number.isSafeInteger(position) ? position : null,
  };
}

/** Splits a message into its first line and DuckDB's advice, without advice about its own catalog tables. */
function splitMessage(message: string): { what: string; hint: { hint?: string } } {
  const [first = "", ...rest] = message.split("\n");
  const advice = rest
    .filter((line) => line.trim() !== "" && !line.startsWith("\t") && !line.includes('"pg_'))
    .map((line) => line.trim().replace("bindings: :", "bindings:"))
    .join(" ");
  const hint = lowerFirst(advice).slice(0, MAX_HINT_CHARS);
  return { what: lowerFirst(first.trim().replace(/[.!]$/, "")), hint: hint === "" ? {} : { hint } };
}

interface SqlPosition {
  readonly line: number;
  readonly column: number;
  /** Line of the place, cut if it is long, and a caret under the place. */
  readonly excerpt: string;
}

function placeOf(sql: string, bytePosition: number): SqlPosition | null {
  const bytes = Buffer.from(sql, "utf8");
  if (bytePosition < 0 || bytePosition > bytes.length) return null;
  const before = bytes.subarray(0, bytePosition).toString("utf8").split("\n");
  const lineStart = before.at(-1) ?? "";
  const text = (sql.split("\n")[before.length - 1] ?? "").replace(/\r$/, "");
  const cut = Math.max(0, lineStart.length - EXCERPT_CHARS);
  const shown = text.slice(cut, lineStart.length + EXCERPT_CHARS);
  const indent = lineStart.slice(cut).replace(/[^\t]/g, " ");
  return { line: before.length, column: lineStart.length + 1, excerpt: `  ${shown}\n  ${indent}^` };
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
