import { expect, test } from "vitest";
import { readTableSchema } from "../../../extensions/delta/log/table-schema.ts";

const PATH = "/lake/table";
const schema = (...fields: readonly unknown[]) => JSON.stringify({ type: "struct", fields });
const typeOf = (type: unknown) =>
  readTableSchema(schema({ name: "a", type, nullable: true }), PATH, null).fields[0]?.type;

test("plain and nested types are those of the table", () => {
  expect(typeOf("long")).toEqual({ kind: "numeric", type: "int64" });
  expect(typeOf("decimal(38, 10)")).toEqual({ kind: "decimal", precision: 38, scale: 10 });
  expect(typeOf("timestamp_ntz")).toEqual({ kind: "timestamp", unit: "microsecond", zone: null });
  const struct = { type: "struct", fields: [{ name: "x", type: "string", nullable: false }] };
  expect(typeOf({ type: "array", elementType: struct, containsNull: true })).toEqual({
    kind: "list",
    item: { kind: "struct", fields: [{ name: "x", type: { kind: "string" }, nullable: false }] },
  });
  expect(typeOf({ type: "map", keyType: "string", valueType: "date", valueContainsNull: true })).toEqual({
    kind: "map",
    key: { kind: "string" },
    value: { kind: "date", unit: "day" },
  });
});

test("a name like one of JavaScript's is a column", () => {
  const { fields } = readTableSchema(
    schema({ name: "__proto__", type: "long" }, { name: "constructor", type: "long" }),
    PATH,
    null,
  );
  expect(fields.map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
});

test("what is no schema is refused with the place", () => {
  let deep: unknown = "long";
  for (let depth = 0; depth < 1_000; depth += 1) deep = { type: "array", elementType: deep };
  const wrong = [
    "",
    "null",
    "[]",
    JSON.stringify({ type: "array" }),
    schema({ type: "long" }),
    schema({ name: "a", type: "variant" }),
    schema({ name: "a", type: "decimal(39,1)" }),
    schema({ name: "a", type: "decimal(5,6)" }),
    schema({ name: "a", type: "toString" }),
    schema({ name: "a", type: { type: "set" } }),
    schema({ name: "a", type: deep }),
    schema({ name: "a", type: "long" }, { name: "A", type: "long" }),
  ];
  for (const text of wrong)
    expect(() => readTableSchema(text, PATH, null), text.slice(0, 80)).toThrow(
      expect.objectContaining({ code: "INPUT_CORRUPT" }),
    );
});

const mapped = (name: string, id: unknown, physical: unknown, type: unknown = "long") => ({
  name,
  type,
  metadata: { "delta.columnMapping.id": id, "delta.columnMapping.physicalName": physical },
});

test("mapped columns have their names or ids in the files, each before its own fields", () => {
  const struct = { type: "struct", fields: [mapped("x", 4, "col-x"), mapped("y", 5, "col-y")] };
  const list = mapped("b", 2, "col-b", { type: "array", elementType: struct });
  const text = schema(mapped("a", 1, "col-a"), list, mapped("c", 3, "col-c"));
  const { mapping, physical } = readTableSchema(text, PATH, "name");
  expect(mapping).toEqual({ by: "name", keys: ["col-a", "col-b", "col-x", "col-y", "col-c"] });
  expect([...physical]).toEqual([
    ["a", "col-a"],
    ["b", "col-b"],
    ["c", "col-c"],
  ]);
  expect(readTableSchema(text, PATH, "id").mapping.keys).toEqual(["1", "2", "4", "5", "3"]);
});

test("a mapped column without a name or an id is refused", () => {
  for (const [by, column] of [
    ["name", mapped("a", 1, undefined)],
    ["name", mapped("a", 1, "")],
    ["id", mapped("a", "1", "col")],
    ["id", { name: "a", type: "long" }],
  ] as const)
    expect(() => readTableSchema(schema(column), PATH, by)).toThrow(
      expect.objectContaining({ code: "INPUT_CORRUPT" }),
    );
});
