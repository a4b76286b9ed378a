import { expect, test } from "vitest";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";
import { duckdbType, emptyTable } from "../../../../shared/sql/duckdb-types.ts";
import { exactType } from "../../../../shared/sql/exact-select.ts";

const other = (name: string): FieldType => ({ kind: "other", name });
const float: FieldType = { kind: "numeric", type: "float32" };

test.for([
  [float, "FLOAT"],
  [{ kind: "fixedList", item: float, length: 3 } as const, "FLOAT[]"],
  [{ kind: "list", item: { kind: "list", item: { kind: "string" } } } as const, "VARCHAR[][]"],
  [{ kind: "list", item: other("Struct<{a:Int32}>") } as const, null],
  [{ kind: "fixedBinary", bytes: 16 } as const, "BLOB"],
  [other("Dictionary<Int32, Utf8>"), "VARCHAR"],
  [other("Date32<DAY>"), "DATE"],
  [other("Timestamp<MICROSECOND>"), "TIMESTAMP"],
  [other("Timestamp<MICROSECOND, UTC>"), "TIMESTAMP WITH TIME ZONE"],
  [other("Timestamp<SECOND>"), null],
  [other("Decimal[10e+2]"), "DECIMAL(10, 2)"],
  [other("Map<{...}>"), null],
] as const)("%j is %s", ([type, expected]) => {
  expect(duckdbType(type)).toBe(expected);
});

test("an empty table has every column, and says which types were guessed", () => {
  const fields: Field[] = [
    { name: 'a"b', type: float, nullable: false },
    { name: "A", type: other("Map<{...}>"), nullable: true },
    { name: "a", type: float, nullable: true },
  ];
  expect(emptyTable("rows", fields)).toEqual({
    sql: 'CREATE OR REPLACE TABLE "rows" ("a""b" FLOAT, "A" VARCHAR, "a_1" FLOAT)',
    guessed: ["A"],
  });
});

test("only types of 128 bits are replaced, never names in quotes", () => {
  expect(exactType('STRUCT("HUGEINT" UHUGEINT, "a ""HUGEINT" BIGINT)[]')).toBe(
    'STRUCT("HUGEINT" DECIMAL(38, 0), "a ""HUGEINT" BIGINT)[]',
  );
});
