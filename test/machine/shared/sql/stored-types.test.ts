import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan } from "../../../../shared/sql/quote.ts";

/** Values of each type that DuckDB lists, which a file is most likely to change. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  BOOLEAN: ["true"],
  TINYINT: ["(-128)::TINYINT"],
  SMALLINT: ["(-32768)::SMALLINT"],
  INTEGER: ["(-2147483648)::INTEGER"],
  BIGINT: ["9223372036854775807::BIGINT", "(-9223372036854775808)::BIGINT"],
  UTINYINT: ["255::UTINYINT"],
  USMALLINT: ["65535::USMALLINT"],
  UINTEGER: ["4294967295::UINTEGER"],
  UBIGINT: ["18446744073709551615::UBIGINT"],
  HUGEINT: [
    "99999999999999999999999999999999999999::HUGEINT",
    "(-99999999999999999999999999999999999999)::HUGEINT",
  ],
  UHUGEINT: ["99999999999999999999999999999999999999::UHUGEINT"],
  BIGNUM: ["'-123456789012345678901234567890123456789012345'::BIGNUM"],
  FLOAT: ["0.1::FLOAT", "'nan'::FLOAT", "'-inf'::FLOAT"],
  DOUBLE: ["0.1::DOUBLE", "'-0'::DOUBLE"],
  DECIMAL: ["'-1234567890123456789012345678.0123456789'::DECIMAL(38, 10)", "1.5::DECIMAL(3, 1)"],
  VARCHAR: ["'é''\"'", "''"],
  BLOB: ["'\\xAA\\x00'::BLOB"],
  BIT: ["'0101'::BIT", "'000000000'::BIT"],
  UUID: ["'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::UUID"],
  ENUM: ["'HUGEINT'::ENUM('HUGEINT', 'it''s')", "'INTERVAL'::ENUM('x', 'INTERVAL')"],
  DATE: ["DATE '1969-12-31'", "'infinity'::DATE", "'5877642-06-25 (BC)'::DATE"],
  TIME: ["TIME '23:59:59.999999'"],
  TIME_NS: ["'12:34:56.789012345'::TIME_NS"],
  "TIME WITH TIME ZONE": ["'12:34:56.789012+03:15'::TIMETZ", "'00:00:00-15:59:59'::TIMETZ"],
  TIMESTAMP: ["TIMESTAMP '1969-12-31 23:59:59.999999'", "'-infinity'::TIMESTAMP"],
  TIMESTAMP_S: ["'2024-01-02 03:04:05'::TIMESTAMP_S", "'infinity'::TIMESTAMP_S"],
  TIMESTAMP_MS: ["'1969-12-31 23:59:59.999'::TIMESTAMP_MS"],
  TIMESTAMP_NS: ["'2024-01-02 03:04:05.678901234'::TIMESTAMP_NS"],
  "TIMESTAMP WITH TIME ZONE": ["'2024-01-02 03:04:05.678901+03'::TIMESTAMPTZ"],
  INTERVAL: [
    "INTERVAL '1 month 2 days 3.000432 seconds'",
    "INTERVAL '-1 microsecond'",
    "to_months(-13) + to_days(5) + to_microseconds(-9000000000000001)",
  ],
  STRUCT: ["{'a b': 1, 'select': INTERVAL '1 microsecond'}"],
  LIST: ["[1, NULL]"],
  ARRAY: ["array_value(array_value(1, 2), array_value(3, NULL))"],
  MAP: ["map {'a': INTERVAL '1 microsecond'}"],
  UNION: ["union_value(a := 1)"],
  GEOMETRY: ["'POINT(1 2)'::GEOMETRY"],
  VARIANT: ["1::VARIANT"],
  NULL: ["NULL"],
  TYPE: ["'INTEGER'::TYPE"],
  JSON: ["'{\"a\": 1}'::JSON"],
  AGGREGATE_STATE: ["(SELECT sum(i) EXPORT_STATE FROM range(3) t(i))"],
};

/** Types that no file can store, which `final` refuses, too. */
const NEVER = new Set(["UNION", "TYPE", "AGGREGATE_STATE"]);
/** Types that are refused within others. */
const WHOLE = new Set(["GEOMETRY", "VARIANT"]);
/** Types that are refused in a published result. */
const UNPUBLISHED = new Set([...NEVER, "INTERVAL", "TIME WITH TIME ZONE", "BIGNUM", "STRUCT", "MAP"]);

const NESTINGS: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => value,
  list: (value) => `[${value}, NULL]`,
  struct: (value) => `{'a "b': ${value}, 'j': '1'::JSON}`,
  "list of structs": (value) => `[{'x': [${value}]}, NULL]`,
  "map of them": (value) => `map {1: ${value}}`,
  array: (value) => `array_value(${value}, NULL)`,
};

let root: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-types-"));
  database = await openLockedDatabase({ folders: [root], tempFolder: join(root, "tmp") });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

async function refusedOr<T>(promise: Promise<T>): Promise<T | "refused"> {
  return promise.catch((error: unknown) => {
    if (isShardmillError(error, "SQL_INVALID") && error.problems[0]?.what.includes("column `x`"))
      return "refused";
    throw error;
  });
}

async function typeAndText(table: string): Promise<{ type: unknown; text: unknown }> {
  const [row] = await database.rows(`SELECT typeof(x) AS type, x::VARCHAR AS text FROM ${table}`);
  return { type: row?.type, text: row?.text };
}

test("each type that DuckDB lists has test values", async () => {
  const listed = await database.rows("SELECT DISTINCT logical_type AS name FROM duckdb_types()");
  expect(listed.length).toBeGreaterThan(30);
  expect(listed.map(({ name }) => String(name)).filter((name) => !(name in VALUES))).toEqual([]);
});

describe.for(Object.entries(VALUES))("%s", ([type, values]) => {
  const cases = values.flatMap((value) =>
    Object.entries(NESTINGS).map(([nesting, nest]) => [nesting, nest(value)] as const),
  );

  test.for(cases)(
    "has the same type and text in `partials` as in `combine`, or is refused (%s: %s)",
    async ([nesting, value]) => {
      const source = { where: "combine", sql: `SELECT ${value} AS x` };
      const path = join(root, "partial.parquet");
      const written = await refusedOr(database.copyTo(source, path, { storedFor: "partial" }));
      expect(written === "refused").toBe(NEVER.has(type) || (nesting !== "plain" && WHOLE.has(type)));
      if (written === "refused") return;
      await database.viewPartials("partials", source, parquetScan([path]));
      // An untyped null has a type once it is a column.
      const { type: expected, text } = await typeAndText(`(${source.sql})`);
      const sameType = type === "NULL" ? expect.anything() : expected;
      expect(await typeAndText("partials")).toEqual({ text, type: sameType });
    },
  );

  test.for(cases)("is published with the same text, or is refused (%s: %s)", async ([nesting, value]) => {
    const source = { where: "final", sql: `SELECT ${value} AS x` };
    const path = join(root, "published.parquet");
    const written = await refusedOr(database.copyTo(source, path));
    expect(written === "refused").toBe(UNPUBLISHED.has(type) || (nesting !== "plain" && WHOLE.has(type)));
    if (written === "refused") return;
    expect(await textOf(`FROM ${parquetScan([path])}`)).toBe(await textOf(source.sql));
  });
});

/** Returns a text without quotes, because lists quote texts and arrays do not. */
async function textOf(sql: string): Promise<unknown> {
  const [row] = await database.rows(`SELECT x::VARCHAR AS text FROM (${sql})`);
  return String(row?.text).replace(/['\\]/g, "");
}

test("an interval has the same microseconds in `partials` as in `combine`", async () => {
  const source = { where: "combine", sql: "SELECT to_microseconds(3702469432) AS d" };
  const path = join(root, "interval.parquet");
  await database.copyTo(source, path, { storedFor: "partial" });
  await database.viewPartials("partials", source, parquetScan([path]));
  expect(await database.rows("SELECT epoch_us(max(d)) AS us FROM partials")).toEqual([{ us: 3_702_469_432 }]);
});

test("a HUGEINT with 39 digits fails instead of being rounded", async () => {
  const source = { where: "combine", sql: "SELECT 100000000000000000000000000000000000000::HUGEINT AS x" };
  await expect(
    database.copyTo(source, join(root, "x.parquet"), { storedFor: "partial" }),
  ).rejects.toMatchObject({
    code: "SQL_FAILED",
  });
});
