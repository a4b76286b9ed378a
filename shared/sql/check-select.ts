import { type DuckDBConnection, StatementType } from "@duckdb/node-api";
import { refusedFunction } from "./refused-functions.ts";
import { type SqlSource, sqlRefused } from "./sql-error.ts";

/**
 * Checks that a user's text is one SELECT, without parameters and without functions that act.
 *
 * @throws {SQL_INVALID}
 */
export async function checkSelect(connection: DuckDBConnection, source: SqlSource): Promise<void> {
  const statements = await extractOne(connection, source);
  // Before it is bound: some functions act on binding.
  const refused = await refusedFunction(connection, source.sql);
  if (refused !== null) {
    const what = `\`${refused}\` is not allowed in the SQL of a job: it has side effects, or reads data outside the job`;
    throw sqlRefused(source, {
      what,
      expected: "functions of values, over the job's own tables",
      found: refused,
    });
  }
  const statement = await statements.prepare(0);
  try {
    if (statement.statementType !== StatementType.SELECT) {
      const found = StatementType[statement.statementType] ?? "another statement";
      throw sqlRefused(source, { what: "not a SELECT", expected: "one SELECT", found });
    }
    if (statement.parameterCount > 0) {
      throw sqlRefused(source, {
        what: "has parameters",
        expected: "no `$1`, no `?`",
        found: "parameters",
      });
    }
  } finally {
    statement.destroySync();
  }
}

/** @throws {SQL_INVALID} when the text is not one statement */
export async function extractOne(connection: DuckDBConnection, source: SqlSource) {
  if (isBlank(source.sql)) throw sqlRefused(source, { what: "the SQL is empty", expected: "one SELECT" });
  const statements = await connection.extractStatements(source.sql);
  if (statements.count === 1) return statements;
  const found = `${statements.count} statements`;
  throw sqlRefused(source, { what: "more than one statement", expected: "one SELECT", found });
}

/** Comment. An unclosed one extends to the end of the text. */
const COMMENT = /--[^\n]*|\/\*[^*]*(?:\*+[^/*][^*]*)*(?:\*+\/|\**$)/g;

/** Checks for nothing but white space, semicolons and comments. */
export function isBlank(sql: string): boolean {
  return sql.replace(COMMENT, "").replace(/[\s;]/g, "") === "";
}
