import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DateMillisecond,
  makeData,
  type RecordBatch,
  Schema,
  Table,
  TimestampSecond,
  tableFromIPC,
  tableToIPC,
} from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { encodeArrow, encodeParquet } from "../../../../shared/dataset/encode.ts";
import { fieldsOf, fieldTypeOf } from "../../../../shared/dataset/fields.ts";
import { gather } from "../../../../shared/dataset/gather.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { parquetFault, parquetForm } from "../../../../shared/dataset/parquet-form.ts";
import { plainField } from "../../../../shared/dataset/plain-type.ts";
import { recordBatchOf } from "../../../../shared/dataset/record-batch.ts";
import type { TableFormat } from "../../../../shared/domain/dataset.ts";
import { emptyTable } from "../../../../shared/sql/duckdb-types.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan } from "../../../../shared/sql/quote.ts";
import { ARROW_TYPES } from "../../../support/arrow-types.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { plainRows } from "../../../support/sample-table.ts";
import { NESTINGS, tableOfSample } from "../../../support/type-nestings.ts";

/** Every Arrow type, alone and within others: read, kept, written in both formats, and read by SQL. */

const WIDE = "decimal256 of 50 digits";

let root: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-every-type-"));
  database = await openLockedDatabase({ folders: [root], tempFolder: join(root, "tmp") });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** Keeps the column of a file with these bytes, as a worker does. */
async function kept(bytes: Uint8Array, format: TableFormat): Promise<Table> {
  using file = await openDatasetFile(memorySource(bytes), format, NEVER);
  const table = await readRows(file);
  const field = table.schema.fields[0];
  if (field === undefined) throw new Error("expected a file with one column");
  const stretches = table.batches.flatMap(({ data, numRows }: RecordBatch) =>
    data.children.map((child) => ({ data: child, start: 0, end: numRows })),
  );
  const schema = new Schema([plainField(field)]);
  return new Table(schema, [recordBatchOf(schema, table.numRows, [gather(field.type, stretches)])]);
}

async function asSeenBySql(table: Table, out: string): Promise<{ type: unknown; texts: unknown[] }> {
  const path = join(root, "rows.parquet");
  await writeFile(path, encodeParquet(table));
  const scan = parquetScan([path]);
  const [described] = await database.rows(`SELECT column_type FROM (DESCRIBE FROM ${scan})`);
  const rows = await database.rows(`SELECT ${out}::VARCHAR AS text FROM ${scan}`);
  return { type: described?.column_type, texts: rows.map(({ text }) => text) };
}

async function believedType(table: Table): Promise<unknown> {
  await database.run(emptyTable("rows", fieldsOf(table.schema)));
  const [described] = await database.rows("SELECT column_type FROM (DESCRIBE FROM rows)");
  await database.run("DROP TABLE rows");
  return described?.column_type;
}

function encodedFormat(table: Table): Uint8Array | string {
  try {
    return encodeParquet(table);
  } catch (error) {
    return isShardmillError(error, "OUTPUT_FAILED") ? error.code : String(error);
  }
}

describe.for(Object.entries(ARROW_TYPES))("%s", ([name, { data, texts }]) => {
  const expected = texts.map((text) => (text === "NULL" ? null : text));

  test.for(Object.entries(NESTINGS))(
    "keeps its values through Arrow and Parquet in %s",
    async ([nesting, { nest, out }]) => {
      const source = tableOfSample(nest(data));
      const type = fieldTypeOf(source.schema.fields[0]?.type as never);
      const table = await kept(tableToIPC(source, "file"), "arrow");

      // As Arrow: the same values, read by code that did not write them.
      expect(plainRows(tableFromIPC(encodeArrow(table)))).toEqual(plainRows(source));

      if (parquetFault(type) !== null) {
        expect(encodedFormat(table), "the encoder refuses a type with a fault").toBe("OUTPUT_FAILED");
        return;
      }
      // As Parquet: the type that the plan expects, and the values.
      const seen = await asSeenBySql(table, out);
      expect(seen.type).toBe(await believedType(table));
      // DuckDB reads wrong numbers from decimals beyond its own, and no job with SQL may keep one.
      if (name !== WIDE) expect(seen.texts).toEqual([expected[0], null, expected[1]]);
      // The same file as an input gives the same type and values. Intervals do not, so they are refused.
      const bytes = encodeParquet(table);
      const again = await kept(bytes, "parquet");
      expect(fieldTypeOf(again.schema.fields[0]?.type as never)).toEqual(
        parquetForm(fieldTypeOf(table.schema.fields[0]?.type as never)),
      );
      if (name === WIDE) expect(plainRows(again)).toEqual(plainRows(table));
      if (name.startsWith("interval")) return;
      expect(await asSeenBySql(again, out), nesting).toEqual(seen);
    },
  );
});

/**
 * Values that DuckDB writes, with the types that SQL sees after a kept column. Types that only Parquet has
 * lose their names, but not their bytes.
 */
const WRITTEN = [
  ["true", "BOOLEAN"],
  ["(-128)::TINYINT", "TINYINT"],
  ["18446744073709551615::UBIGINT", "UBIGINT"],
  ["'nan'::DOUBLE", "DOUBLE"],
  ["1.5::DECIMAL(4, 1)", "DECIMAL(4,1)"],
  ["1.5::DECIMAL(9, 1)", "DECIMAL(9,1)"],
  ["1.5::DECIMAL(18, 1)", "DECIMAL(18,1)"],
  ["'-99999999999999999999999999.9999999999'::DECIMAL(38, 10)", "DECIMAL(38,10)"],
  ["'infinity'::DATE", "DATE"],
  ["TIME '23:59:59.999999'", "TIME"],
  ["'12:34:56.789012345'::TIME_NS", "TIME_NS"],
  ["'-infinity'::TIMESTAMP", "TIMESTAMP"],
  ["TIMESTAMP '0001-01-01'", "TIMESTAMP"],
  ["'2024-01-02 03:04:05.678'::TIMESTAMP_MS", "TIMESTAMP"],
  ["'2024-01-02 03:04:05.678901234'::TIMESTAMP_NS", "TIMESTAMP_NS"],
  ["'2024-01-02 03:04:05.678901+03'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"],
  ["'x'::ENUM('x')", "VARCHAR"],
  ["'{\"a\": 1}'::JSON", "VARCHAR"],
  ["[{'a': [1, NULL], 'm': map {1: [DATE '2024-01-02']}}]", "STRUCT(a INTEGER[], m MAP(INTEGER, DATE[]))[]"],
] as const;

test.for(WRITTEN)(
  "%s in a Parquet file of DuckDB is read as %s with the same text",
  async ([value, type]) => {
    const path = join(root, "written.parquet");
    const sql = `SELECT ${value} AS k UNION ALL SELECT NULL`;
    await database.copyOwn({ where: "sql", sql }, path);
    const table = await kept(await readFile(path), "parquet");
    const [first] = await database.rows(`SELECT (${value})::VARCHAR AS text`);
    expect(await asSeenBySql(table, "k")).toEqual({ type, texts: [first?.text, null] });
  },
);

test("the months of an interval in a Parquet file are not read", async () => {
  const path = join(root, "interval.parquet");
  await database.copyOwn({ where: "sql", sql: "SELECT INTERVAL '1 month 2 days' AS k" }, path);
  const table = await kept(await readFile(path), "parquet");
  expect(fieldsOf(table.schema)[0]?.type).toEqual({ kind: "interval", unit: "dayTime" });
  expect((await asSeenBySql(table, "k")).texts).toEqual(["2 days"]);
});

test("a timestamp too far from 1970 for milliseconds fails to encode", () => {
  const far = makeData({ type: new TimestampSecond(), data: BigInt64Array.of(2n ** 62n) } as never);
  expect(encodedFormat(tableOfSample(far))).toBe("OUTPUT_FAILED");
});

test("a date64 value within a day becomes that day", async () => {
  const data = BigInt64Array.of(86_400_001n, -1n);
  const table = tableOfSample(makeData({ type: new DateMillisecond(), data } as never));
  expect((await asSeenBySql(table, "k")).texts).toEqual(["1970-01-02", "1969-12-31"]);
});
