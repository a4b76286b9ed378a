import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { digestFile } from "../../../../shared/core/digest.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan, quoteLiteral } from "../../../../shared/sql/quote.ts";

let root: string;
let allowed: string;
let outside: string;
let database: LockedDatabase;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "shardmill-sql-")));
  allowed = join(root, "it's [1]* ü", "day=1");
  outside = join(root, "outside");
  await mkdir(allowed, { recursive: true });
  await mkdir(outside);
  await writeFile(join(outside, "secret.csv"), "a,b\n1,2\n");
  database = await openLockedDatabase({ folders: [allowed], tempFolder: join(root, "tmp") });
});

afterEach(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

function copy(sql: string, path: string, where = "sql") {
  return database.copyTo({ where, sql }, path);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
}

test("a result is written as Parquet in its order and read back, in a folder with any name", async () => {
  const path = join(allowed, "a'b.parquet");
  const sql =
    "SELECT range % 3 AS k, count(*) AS n FROM range(10) GROUP BY ALL ORDER BY n DESC, k DESC; -- done";
  expect(await copy(sql, path)).toEqual({ rows: 3 });
  expect(await database.rows(`FROM ${parquetScan([path])}`)).toEqual([
    { k: 0, n: 4 },
    { k: 2, n: 3 },
    { k: 1, n: 3 },
  ]);
});

test.for([
  "SELECT * FROM read_text('/etc/passwd')",
  "FROM '/etc/passwd.csv'",
  "FROM glob('/etc/*')",
  "FROM read_blob('OUTSIDE/secret.csv')",
  "FROM 'OUTSIDE/secret.csv'",
  "FROM 'ALLOWED/../../outside/secret.csv'",
  "FROM 'ALLOWED/link/secret.csv'",
  "SELECT 1; SELECT 2",
  "ATTACH 'ALLOWED/x.db'",
  "COPY (SELECT 1) TO 'ALLOWED/x.parquet'",
  "COPY (SELECT 1) TO 'OUTSIDE/x.parquet'",
  "SELECT 1) TO 'OUTSIDE/x.parquet'; COPY (SELECT 1",
  "SELECT 1) TO 'OUTSIDE/x.parquet' --",
  "INSTALL httpfs",
  "LOAD httpfs",
  "SET threads = 2",
  "RESET enable_external_access",
  "PRAGMA threads = 2",
  "CREATE TABLE x AS SELECT 1",
  "DROP TABLE IF EXISTS x",
  "CALL range(1)",
  "EXPLAIN SELECT 1",
  "DESCRIBE SELECT 1",
  "SELECT $1",
  "SELECT",
  "SELECT count(* FROM range(1)",
  "",
  " ; -- nothing\n /* at all */",
])("the SQL %j of a user is refused", async (template) => {
  await symlink(outside, join(allowed, "link"));
  const literal = (path: string) => quoteLiteral(path).slice(1, -1);
  const sql = template.replace("OUTSIDE", literal(outside)).replace("ALLOWED", literal(allowed));
  const path = join(allowed, "result.parquet");
  expect(await codeOf(copy(sql, path))).toBe("SQL_INVALID");
  expect(existsSync(path)).toBe(false);
  expect(await readdir(outside)).toEqual(["secret.csv"]);
});

test("internal statements cannot leave the folders or change the settings", async () => {
  const file = quoteLiteral(join(outside, "x.parquet"));
  for (const sql of [
    `COPY (SELECT 1) TO ${file}`,
    `ATTACH ${quoteLiteral(join(outside, "x.db"))}`,
    "INSTALL httpfs",
    "LOAD httpfs",
  ]) {
    expect(await codeOf(database.run(sql)), sql).toBe("SQL_INVALID");
  }
  for (const setting of [
    "threads = 4",
    "enable_external_access = true",
    "allowed_directories = ['/']",
    "lock_configuration = false",
    "memory_limit = '1TB'",
  ]) {
    expect(await codeOf(database.run(`SET ${setting}`)), setting).toBe("SQL_FAILED");
  }
  expect(await codeOf(copy("SELECT 1", join(outside, "x.parquet")))).toBe("SQL_INVALID");
  expect(await readdir(outside)).toEqual(["secret.csv"]);
});

test("128-bit sums stay exact in a file, also within lists and structs", async () => {
  const path = join(allowed, "sums.parquet");
  const big = "170141183460469231";
  const sql = `SELECT sum(x) AS total, [sum(x)] AS list, {'HUGEINT': sum(x)} AS struct FROM (VALUES (${big}), (1)) t(x)`;
  await copy(sql, path);
  const types = await database.rows(`SELECT column_type FROM (DESCRIBE FROM ${parquetScan([path])})`);
  expect(types.map((row) => row.column_type)).toEqual([
    "DECIMAL(38,0)",
    "DECIMAL(38,0)[]",
    "STRUCT(HUGEINT DECIMAL(38,0))",
  ]);
  const sum = "170141183460469232";
  expect(await database.rows(`FROM ${parquetScan([path])}`)).toEqual([
    { total: sum, list: [sum], struct: { HUGEINT: sum } },
  ]);
});

test("columns with the same name get a number, as in DuckDB", async () => {
  const path = join(allowed, "twice.parquet");
  await copy("SELECT 1 AS a, 2 AS a", path);
  expect(await database.rows(`FROM ${parquetScan([path])}`)).toEqual([{ a: 1, a_1: 2 }]);
});

test("rows contain safe integers as numbers, and larger integers and dates as text", async () => {
  const [row] = await database.rows(
    "SELECT 5::BIGINT AS a, 9007199254740993 AS b, DATE '2020-01-02' AS c, 'NaN'::DOUBLE AS d, 1.50 AS e, NULL AS f, [1::HUGEINT] AS g",
  );
  expect(row).toEqual({ a: 5, b: "9007199254740993", c: "2020-01-02", d: "NaN", e: "1.50", f: null, g: [1] });
});

test("the same sum of floats gives the same bytes in another database", async () => {
  const sql =
    "SELECT range % 7 AS k, sum(sin(range) * 1e10) AS s FROM range(300000) GROUP BY ALL ORDER BY ALL";
  const digests = new Set<string>();
  for (const name of ["a", "b"]) {
    await using other = await openLockedDatabase({ folders: [allowed], tempFolder: join(root, "tmp") });
    await other.copyTo({ where: "sql", sql }, join(allowed, name));
    digests.add((await digestFile(join(allowed, name), NEVER)).sha256);
  }
  expect(digests.size).toBe(1);
});

test("data above the memory limit is written to the temp folder, which is empty after closing", async () => {
  const tempFolder = join(root, "spill");
  const limit = 64 * 1024 * 1024;
  {
    await using small = await openLockedDatabase({ folders: [allowed], tempFolder, memoryLimitBytes: limit });
    const grouped = "SELECT range % 1500000 AS k, max(range) AS m FROM range(2000000) GROUP BY ALL";
    expect(await small.rows(`SELECT count(*) AS n FROM (${grouped})`)).toEqual([{ n: 1_500_000 }]);
  }
  expect(await readdir(tempFolder)).toEqual([]);
});

test("a statement that fails while it runs is SQL_FAILED and leaves no file", async () => {
  const path = join(allowed, "bad.parquet");
  const sql = "SELECT CASE WHEN range = 5 THEN error('no') ELSE range END AS a FROM range(10)";
  await expect(copy(sql, path, "reduce.a.final")).rejects.toMatchObject({
    code: "SQL_FAILED",
    message: "reduce.a.final failed: no",
  });
  expect(existsSync(path)).toBe(false);
  expect(await database.rows("SELECT 1 AS a")).toEqual([{ a: 1 }]);
});

test("an interrupt stops the running statement and refuses waiting and later ones", async () => {
  const long = codeOf(database.rows("SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 1"));
  const waiting = codeOf(database.rows("SELECT 1"));
  await delay(20);
  database.interrupt();
  expect(await long).toBe("INTERRUPTED");
  expect(await waiting).toBe("INTERRUPTED");
  expect(await codeOf(database.rows("SELECT 1"))).toBe("INTERRUPTED");
});

test("closing stops the running statement", async () => {
  const other = await openLockedDatabase({ folders: [allowed], tempFolder: join(root, "tmp") });
  const long = codeOf(other.rows("SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 1"));
  await delay(20);
  await other[Symbol.asyncDispose]();
  expect(await long).toBe("INTERRUPTED");
});

test("concurrent statements do not affect each other", async () => {
  const paths = ["a", "b", "c"].map((name) => join(allowed, name));
  await Promise.all(paths.map((path, index) => copy(`SELECT ${index} AS i`, path)));
  expect(await database.rows(`SELECT i FROM ${parquetScan(paths)}`)).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
});

test("SQL with a NUL character is refused", async () => {
  const path = join(allowed, "nul.parquet");
  expect(await codeOf(copy("SELECT 1 AS a WHERE true \0 AND false", path))).toBe("SQL_INVALID");
  expect(await codeOf(database.rows("SELECT 1 AS a \0"))).toBe("SQL_INVALID");
  expect(await database.rows("SELECT length('a' || chr(0)) AS n")).toEqual([{ n: 2 }]);
});
