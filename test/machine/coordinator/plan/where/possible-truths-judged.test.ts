import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkWhere } from "../../../../../coordinator/plan/where/check-where.ts";
import { possibleTruths } from "../../../../../coordinator/plan/where/possible-truths.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { fieldsOf } from "../../../../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../../../../shared/dataset/open-dataset-file.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../../shared/sql/locked-database.ts";
import type { SqlDatabase } from "../../../../../shared/sql/sql-database.ts";
import { fetchedSource } from "../../../../../shared/storage/small-file.ts";

/** An independent DuckDB that writes the rows and evaluates the predicate. */
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
/** Database that checks all predicates, one after another. */
let checker: LockedDatabase;
let folder: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "shardmill-where-")));
  instance = await DuckDBInstance.create(":memory:");
  duckdb = await instance.connect();
  await duckdb.run("SET TimeZone = 'UTC'");
  checker = await openLockedDatabase({ folders: [folder], tempFolder: folder, optimizes: "constants" });
});

afterAll(async () => {
  await checker[Symbol.asyncDispose]();
  duckdb.disconnectSync();
  instance.closeSync();
  await rm(folder, { recursive: true, force: true });
});

/** Returns a database without its disposal. */
function kept(database: LockedDatabase): SqlDatabase {
  return {
    run: (sql) => database.run(sql),
    rows: (sql) => database.rows(sql),
    checkSyntax: (source) => database.checkSyntax(source),
    bindPredicate: (source, table) => database.bindPredicate(source, table),
    columnNames: (source) => database.columnNames(source),
    copyTo: (source, path, options) => database.copyTo(source, path, options),
    copyOwn: (source, path) => database.copyOwn(source, path),
    viewPartials: (name, source, scan) => database.viewPartials(name, source, scan),
    interrupt: () => database.interrupt(),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** A few values of each type, with those at which orders differ, so that predicates meet them. */
const VALUES: Readonly<Record<string, { readonly type: string; readonly values: readonly string[] }>> = {
  i: { type: "INTEGER", values: ["0", "1", "-1", "2", "3", "2147483647", "-2147483648"] },
  b: { type: "BIGINT", values: ["0", "1", "-5", "9007199254740993", "9223372036854775807"] },
  u: { type: "UBIGINT", values: ["0", "1", "7", "9223372036854775808", "18446744073709551615"] },
  t: { type: "UTINYINT", values: ["0", "1", "127", "128", "255"] },
  f: { type: "FLOAT", values: ["0", "-0.0", "0.1", "1.5", "'NaN'", "'inf'", "'-inf'"] },
  x: { type: "DOUBLE", values: ["0", "-0.0", "0.1", "2.5", "'NaN'", "'inf'", "1e300", "9007199254740993"] },
  s: { type: "VARCHAR", values: ["''", "'a'", "'b'", "'ab'", "'é'", "'😀'", "'ÿ'", `'${"a".repeat(300)}b'`] },
  d: { type: "DATE", values: ["'2024-01-01'", "'2024-02-29'", "'1969-12-31'", "'infinity'"] },
  ts: {
    type: "TIMESTAMP",
    values: ["'2024-01-01'", "'2024-01-01 00:00:01'", "'1960-01-01'", "'infinity'", "'-infinity'"],
  },
  ns: { type: "TIMESTAMP_NS", values: ["'2024-01-01'", "'2024-01-01 00:00:00.000000001'", "'1969-12-31'"] },
  tz: {
    type: "TIMESTAMPTZ",
    values: ["'2024-01-01 00:00:00+02'", "'2024-01-01 00:00:00+00'", "'1960-01-01'"],
  },
  n: { type: "DECIMAL(9, 2)", values: ["0", "1.25", "-1.25", "1.3", "9999999.99"] },
  w: { type: "DECIMAL(30, 2)", values: ["0", "1.25", "-1.25"] },
  q: { type: "BOOLEAN", values: ["true", "false"] },
};
const COLUMNS = Object.keys(VALUES);

const value = (column: string) => fc.constantFrom(...(VALUES[column]?.values ?? []));
const OPS = ["=", "<>", "<", "<=", ">", ">="] as const;
const op = fc.constantFrom(...OPS);

/** Constants, also of other types than the column's, so that DuckDB casts. */
const constant = (column: string) =>
  "iburtfxn".includes(column)
    ? fc.oneof(
        value(column),
        fc.constantFrom("1", "2.5", "0.1", "1e0", "-1", "1.25::DECIMAL(5, 3)", "0.1::FLOAT"),
      )
    : value(column);

const comparisonOf = fc.constantFrom(...COLUMNS).chain((column) =>
  fc.oneof(
    fc.tuple(op, constant(column)).map(([how, other]) => `${column} ${how} ${other}`),
    fc.tuple(op, constant(column)).map(([how, other]) => `${other} ${how} ${column}`),
    fc.tuple(constant(column), constant(column)).map(([low, high]) => `${column} BETWEEN ${low} AND ${high}`),
    fc.array(value(column), { minLength: 1, maxLength: 3 }).map((of) => `${column} IN (${of.join(", ")})`),
    fc
      .array(value(column), { minLength: 1, maxLength: 3 })
      .map((of) => `${column} NOT IN (${of.join(", ")})`),
    fc.constantFrom(`${column} IS NULL`, `${column} IS NOT NULL`),
    fc.tuple(op, value(column)).map(([how, other]) => `(${column} ${how} ${other}) IS NOT TRUE`),
    fc.tuple(value(column)).map(([other]) => `${column} IS DISTINCT FROM ${other}`),
  ),
);

const leaf = fc.oneof(
  { weight: 8, arbitrary: comparisonOf },
  {
    weight: 3,
    arbitrary: op.chain((how) =>
      fc.constantFrom(
        ...["i", "b", "t", "x"].map((other) => `i ${how} ${other}`),
        ...[`f ${how} x`, `d ${how} ts`, `n ${how} i`, `b ${how} x`, `n ${how} w`, `ts ${how} tz`],
        ...[`i + 1 ${how} 2`, `length(s) ${how} 1`, `i::DOUBLE ${how} 1.0`, `b::FLOAT ${how} 1.0`],
        ...[
          `ts::DATE ${how} '2024-01-01'`,
          `date_trunc('year', d) ${how} '2024-01-01'`,
          `n::INTEGER ${how} 1`,
        ],
        ...[
          `ts::VARCHAR ${how} '2024'`,
          `TRY_CAST(s AS INTEGER) ${how} 1`,
          `d + INTERVAL 1 DAY ${how} '2024-01-02'`,
        ],
      ),
    ),
  },
  fc.constantFrom(
    "q",
    "NOT q",
    "q IS TRUE",
    "q IS NOT FALSE",
    "s LIKE 'a%'",
    "NULL::BOOLEAN",
    "true",
    "i > NULL",
  ),
);

const predicate = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.tuple(tie("all"), tie("all")).map(([a, b]) => `(${a} AND ${b})`),
    fc.tuple(tie("all"), tie("all")).map(([a, b]) => `(${a} OR ${b})`),
    tie("all").map((a) => `NOT (${a})`),
  ),
})).all;

const row = fc.tuple(
  ...COLUMNS.map((column) => fc.oneof({ weight: 5, arbitrary: value(column) }, fc.constant("NULL"))),
);
/** Rows that are equal in most columns, so that their bounds exclude something. */
const group = fc
  .tuple(row, fc.array(row, { maxLength: 4 }), fc.array(fc.boolean(), { minLength: 14, maxLength: 14 }))
  .map(([first, others, alike]) => [
    first,
    ...others.map((other) =>
      other.map((cell, index) => (alike[index] === true ? (first[index] ?? cell) : cell)),
    ),
  ]);

async function written(rows: readonly (readonly string[])[]): Promise<string> {
  const path = join(folder, "group.parquet");
  const typed = (cells: readonly string[]) =>
    cells.map((cell, index) => `CAST(${cell} AS ${VALUES[COLUMNS[index] ?? ""]?.type})`).join(", ");
  const values = rows.map((cells) => `(${typed(cells)})`).join(", ");
  await duckdb.run(
    `COPY (FROM (VALUES ${values}) AS v(${COLUMNS.join(", ")})) TO '${path}' (FORMAT parquet)`,
  );
  return path;
}

/** Returns how many rows are true, false and null. Null: the predicate fails on one of them. */
async function judged(path: string, sql: string) {
  try {
    const counts = `count(*) FILTER (${sql}), count(*) FILTER (NOT (${sql})), count(*) FILTER ((${sql}) IS NULL)`;
    const rows = (await duckdb.runAndReadAll(`SELECT ${counts} FROM '${path}'`)).getRows();
    return rows[0]?.map(Number) ?? [];
  } catch {
    return null;
  }
}

async function fieldsAndStatistics(path: string) {
  using file = await openDatasetFile(fetchedSource(path, await readFile(path)), "parquet", NEVER);
  const fields = fieldsOf(file.schema);
  return { fields, rows: file.rows, statistics: file.statistics(fields)?.[0] ?? {} };
}

test("each truth value that DuckDB finds for a row is possible by the row group's statistics", async () => {
  let ruledOut = 0;
  await fc.assert(
    fc.asyncProperty(group, fc.array(predicate, { minLength: 6, maxLength: 6 }), async (rows, predicates) => {
      const path = await written(rows);
      const { fields, ...facts } = await fieldsAndStatistics(path);
      for (const sql of predicates) {
        const counts = await judged(path, sql);
        const checked = await checkWhere({
          sql,
          fields,
          scratchFolder: folder,
          signal: new AbortController().signal,
          open: async () => kept(checker),
        }).catch((error: unknown) => {
          // A predicate that fails on a row of nulls is refused. Any other failure here is a defect.
          expect([sql, counts, String(error)]).toEqual([sql, null, String(error)]);
          return null;
        });
        if (counts === null || checked === null) continue;
        const may = possibleTruths(checked.predicate, facts);
        const [isTrue = 0, isFalse = 0, isNull = 0] = counts;
        expect([sql, may.true || isTrue === 0, may.false || isFalse === 0, may.null || isNull === 0]).toEqual(
          [sql, true, true, true],
        );
        if (!may.true) ruledOut += 1;
      }
    }),
    { numRuns: 30 },
  );
  // Without this, a function that never excludes anything would pass.
  expect(ruledOut).toBeGreaterThan(30);
});
