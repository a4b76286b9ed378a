import { expect, test } from "vitest";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";
import { duckdbType, emptyTable } from "../../../../shared/sql/duckdb-types.ts";

const float: FieldType = { kind: "numeric", type: "float32" };

test.for([
  [float, "FLOAT"],
  [{ kind: "fixedList", item: float, length: 3 } as const, "FLOAT[]"],
  [{ kind: "list", item: { kind: "list", item: { kind: "string" } } } as const, "VARCHAR[][]"],
  [{ kind: "map", key: { kind: "string" }, value: float } as const, "MAP(VARCHAR, FLOAT)"],
  [{ kind: "dictionary", values: { kind: "string" } } as const, "VARCHAR"],
  [{ kind: "decimal", precision: 10, scale: 2 } as const, "DECIMAL(10, 2)"],
] as const)("the type %j is %s in DuckDB", ([type, expected]) => {
  expect(duckdbType(type)).toBe(expected);
});

test("an empty table has every column, with a number added to names that differ only in case", () => {
  const struct: FieldType = { kind: "struct", fields: [{ name: 'x"', type: float, nullable: true }] };
  const fields: Field[] = [
    { name: 'a"b', type: float, nullable: false },
    { name: "A", type: struct, nullable: true },
    { name: "a", type: float, nullable: true },
  ];
  expect(emptyTable("rows", fields)).toBe(
    'CREATE OR REPLACE TABLE "rows" ("a""b" FLOAT, "A" STRUCT("x""" FLOAT), "a_1" FLOAT)',
  );
});
