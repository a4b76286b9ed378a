import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../../../shared/sql/quote.ts";

let root: string;
let allowed: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-functions-"));
  allowed = join(root, "allowed");
  await mkdir(allowed);
  database = await openLockedDatabase({ folders: [allowed], tempFolder: join(root, "tmp") });
  await database.run("CREATE TABLE rows AS SELECT range AS a FROM range(3)");
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** Returns everything that must not change: settings, files, and the catalog. */
async function state(): Promise<unknown> {
  const settings = await database.rows("SELECT name, value FROM duckdb_settings() ORDER BY name");
  const tables = await database.rows("SELECT table_name FROM duckdb_tables() ORDER BY ALL");
  return { settings, tables, files: await readdir(allowed, { recursive: true }) };
}

async function outcomeOf(sql: string): Promise<string> {
  const path = join(root, "allowed", "result.parquet");
  try {
    await database.copyTo({ where: "sql", sql }, path);
    await rm(path);
    return "ran";
  } catch (error) {
    if (!isShardmillError(error)) throw error;
    return error.fields.type === "Refused" ? "refused" : error.code;
  }
}

test("no table function of DuckDB changes a setting, a table or a file", async () => {
  const before = await state();
  const listed = await database.rows(
    "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')",
  );
  const names = listed.map(({ name }) => String(name)).sort();
  expect(names.length).toBeGreaterThan(80);
  const path = quoteLiteral(join(allowed, "log"));
  const outcomes = new Map<string, Set<string>>();
  for (const name of names) {
    const seen = new Set<string>();
    for (const given of ["", "'rows'", "1, 2", `storage = 'file', storage_path = ${path}`]) {
      seen.add(await outcomeOf(`FROM "${name}"(${given})`));
      seen.add(
        await outcomeOf(`WITH x AS (FROM system.main."${name.toUpperCase()}"(${given})) SELECT 1 AS a`),
      );
    }
    outcomes.set(name, seen);
  }
  expect(await state()).toEqual(before);
  const run = names.filter((name) => outcomes.get(name)?.has("ran"));
  expect(run).toEqual([
    "generate_series",
    "histogram",
    "histogram_values",
    "json_each",
    "json_tree",
    "range",
    "repeat",
    "repeat_row",
    "summary",
    "unnest",
  ]);
  for (const name of ["enable_logging", "enable_profiling", "disable_profiling", "checkpoint", "query"])
    expect(outcomes.get(name)).toEqual(new Set(["refused"]));
});

test.for([
  "SELECT unnest([1, 2]) AS a",
  "SELECT * FROM unnest([1]) AS t(a), range(2), generate_series(1, 2)",
  "FROM json_each('[1]')",
  "FROM json_tree('[1]')",
  "SELECT histogram(a) AS h FROM rows",
  "FROM histogram('rows', 'a')",
  "FROM (SUMMARIZE rows)",
  'SELECT version() AS enable_logging, \'"function_name":"enable_logging"\' AS b',
  "PIVOT rows ON a IN (1, 2) USING count(*)",
  "FROM repeat(1, 2)",
  "WITH enable_logging AS (SELECT 1 AS a) FROM enable_logging",
])("%s is accepted", async (sql) => {
  expect(await outcomeOf(sql)).toBe("ran");
});

test.for([
  "SELECT (SELECT count(*) FROM enable_profiling()) AS a",
  "SELECT a FROM rows WHERE a IN (FROM force_checkpoint())",
  "FROM rows, LATERAL (FROM disable_logging())",
  "SELECT write_log('x') AS a",
  "SELECT a FROM rows UNION ALL (WITH RECURSIVE t AS (FROM checkpoint()) SELECT 1)",
  "FROM query('FROM enable_profiling()')",
  "FROM read_parquet('x.parquet')",
])("%s is refused", async (sql) => {
  expect(await outcomeOf(sql)).toBe("refused");
});
