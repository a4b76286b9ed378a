import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { sqlError } from "../../../../shared/sql/sql-error.ts";

function duckdb(type: string, message: string, more: Record<string, string> = {}): Error {
  return new Error(JSON.stringify({ exception_type: type, exception_message: message, ...more }));
}

const WHERE = "reduce.confusion.final";

test("a missing column is reported with its place, a caret and DuckDB's candidates", () => {
  const sql = "SELECT label,\n  dgit FROM partials";
  const message = 'Referenced column "dgit" not found in FROM clause!\nCandidate bindings: "digit", "label"';
  const error = sqlError(duckdb("Binder", message, { position: "16", error_subtype: "COLUMN_NOT_FOUND" }), {
    where: WHERE,
    sql,
  });
  expect(error.code).toBe("SQL_INVALID");
  expect(error.fields).toEqual({
    where: WHERE,
    type: "Binder",
    subtype: "COLUMN_NOT_FOUND",
    line: 2,
    column: 3,
  });
  expect(error.problems).toEqual([
    {
      where: `${WHERE} line 2 column 3`,
      what: 'referenced column "dgit" not found in FROM clause\n    dgit FROM partials\n    ^',
      hint: 'candidate bindings: "digit", "label"',
    },
  ]);
});

test("columns are counted in characters, not in bytes", () => {
  const sql = "SELECT 'é', sumx(1)";
  const error = sqlError(duckdb("Catalog", "no sumx", { position: "13" }), { where: WHERE, sql });
  expect(error.fields.column).toBe(13);
});

test("a place is counted from the user's text, and one before that text is unknown", () => {
  const sql = "SELECT x";
  const at = (position: number) =>
    sqlError(duckdb("Binder", "no x", { position: String(position) }), { where: WHERE, sql }, 20).fields;
  expect(at(27)).toMatchObject({ line: 1, column: 8 });
  for (const outside of [19, 20 + sql.length + 1]) expect(at(outside)).not.toHaveProperty("line");
});

test("a long line is cut around the reported place", () => {
  const sql = `SELECT ${"a, ".repeat(200)}oops${", b".repeat(200)} FROM rows`;
  const position = String(sql.indexOf("oops"));
  const error = sqlError(duckdb("Binder", "no oops", { position }), { where: WHERE, sql });
  const [, excerpt = "", caret = ""] = error.problems[0]?.what.split("\n") ?? [];
  expect(excerpt).toHaveLength("  ".length + 2 * 60);
  expect(excerpt.slice(caret.indexOf("^")).startsWith("oops")).toBe(true);
});

test("candidate functions and DuckDB's own tables are not part of the hint", () => {
  const message =
    "No function matches 'sum(VARCHAR)'. You might need to add explicit type casts.\n\tCandidate functions:\n\tsum(DECIMAL) -> DECIMAL\n";
  const binder = sqlError(duckdb("Binder", message), { where: WHERE, sql: "x" });
  expect(binder.hint).toBeUndefined();
  const catalog = sqlError(
    duckdb("Catalog", 'Table with name rwos does not exist!\nDid you mean "pg_constraint"?'),
    { where: WHERE, sql: "x" },
  );
  expect(catalog.hint).toBeUndefined();
  expect(catalog.problems[0]?.what).toBe("table with name rwos does not exist");
});

test("a hint has at most 240 characters", () => {
  const message = `no f\nCandidates: ${"f, ".repeat(200)}`;
  const { hint } = sqlError(duckdb("Binder", message), { where: WHERE, sql: "x" });
  expect(hint).toBe(`candidates: ${"f, ".repeat(76)}`);
});

test.for([
  ["", "Syntax", "SQL_INVALID"],
  ["", "Binder", "SQL_INVALID"],
  ["", "Catalog", "SQL_INVALID"],
  ["", "Not implemented", "SQL_INVALID"],
  ["", "Mismatch Type", "SQL_INVALID"],
  ["", "Parameter Not Resolved", "SQL_INVALID"],
  ["", "Parameter Not Allowed", "SQL_INVALID"],
  ["Parser Error: ", "Parser", "SQL_INVALID"],
  ["Failed to extract statements: Parser Error: ", "Parser", "SQL_INVALID"],
  ["", "Permission", "SQL_INVALID"],
  ["", "Out of Range", "SQL_FAILED"],
  ["", "Conversion", "SQL_FAILED"],
  ["", "Out of Memory", "SQL_FAILED"],
  ["", "IO", "SQL_FAILED"],
  ["", "INTERRUPT", "INTERRUPTED"],
] as const)("a DuckDB error with the prefix %j and the type %s is %s", ([prefix, type, code]) => {
  const error = sqlError(new Error(prefix + duckdb(type, "what").message), { where: WHERE, sql: "x" });
  expect(error.code).toBe(code);
});

test("an error that is not DuckDB's JSON keeps its text", () => {
  expect(sqlError(new Error("boom {"), { where: WHERE, sql: "x" }).message).toBe(`${WHERE} failed: boom {`);
});

test("a ShardmillError is returned unchanged", () => {
  const own = new ShardmillError("INTERRUPTED", "stop");
  expect(sqlError(own, { where: WHERE, sql: "x" })).toBe(own);
});

test.each([
  "No space left on device",
  "Disk quota exceeded",
  "File too large",
  "Read-only file system",
  "Too many open files",
  "Input/output error",
])("an error of the machine (%s) is STORE_FAILED instead of an error of the SQL", (trouble) => {
  const said = `Could not write file "x": ${trouble}`;
  const error = sqlError(new Error(`IO Error: ${duckdb("IO", said).message}`), {
    where: "reduce.a.combine",
    sql: "SELECT 1",
  });
  const message = `reduce.a.combine: could not write file "x": ${trouble}`;
  expect(error).toMatchObject({ code: "STORE_FAILED", message });
});

test("a statement's error that names a full disk is still an error of the SQL", () => {
  const said = duckdb("Conversion", 'Could not convert string "no space left" to INT32');
  expect(sqlError(said, { where: WHERE, sql: "x" }).code).toBe("SQL_FAILED");
});
