import { describe, expect, it } from "vitest";
import { fieldsOf } from "../../../../shared/dataset/fields.ts";
import { everyType } from "../../../support/sample-table.ts";

describe("an Arrow schema as fields", () => {
  const fields = new Map(fieldsOf(everyType(1).schema).map((field) => [field.name, field]));

  it.each(["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"] as const)(
    "the type %s keeps its name",
    (type) => {
      expect(fields.get(type)).toEqual({ name: type, type: { kind: "numeric", type }, nullable: true });
    },
  );

  it.each(["float16", "float32", "float64"] as const)("the type %s keeps its name", (type) => {
    expect(fields.get(type)?.type).toEqual({ kind: "numeric", type });
  });

  it("a list is described by its items", () => {
    const item = { kind: "numeric", type: "float32" };
    expect(fields.get("list")?.type).toEqual({ kind: "list", item });
    expect(fields.get("fixedList")?.type).toEqual({ kind: "fixedList", item, length: 3 });
  });

  it("bytes and text are described by their kind", () => {
    expect(fields.get("string")?.type).toEqual({ kind: "string" });
    expect(fields.get("binary")?.type).toEqual({ kind: "binary" });
    expect(fields.get("fixedBinary")?.type).toEqual({ kind: "fixedBinary", bytes: 4 });
  });

  it("times, decimals, dictionaries and structs are described with their parts", () => {
    const int32 = { kind: "numeric", type: "int32" };
    const string = { kind: "string" };
    expect(fields.get("timestamp")?.type).toEqual({ kind: "timestamp", unit: "microsecond", zone: null });
    expect(fields.get("date")?.type).toEqual({ kind: "date", unit: "day" });
    expect(fields.get("decimal")?.type).toEqual({ kind: "decimal", precision: 20, scale: 2 });
    expect(fields.get("dictionary")?.type).toEqual({ kind: "dictionary", values: string });
    expect(fields.get("struct")?.type).toEqual({
      kind: "struct",
      fields: [
        { name: "a", type: int32, nullable: true },
        { name: "b", type: string, nullable: true },
      ],
    });
  });
});
