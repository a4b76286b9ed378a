import { describe, expect, it } from "vitest";
import { diffFields, showType } from "../../../../shared/dataset/field-differences.ts";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";

const float32: FieldType = { kind: "numeric", type: "float32" };
const field = (name: string, type: FieldType = float32, nullable = true): Field => ({ name, type, nullable });

describe("the differences of two schemas", () => {
  it("the same fields in another order and with other nullability have no differences", () => {
    expect(diffFields([field("a"), field("b")], [field("b", float32, false), field("a")])).toEqual([]);
  });

  it("missing fields, extra fields and fields of another type are differences", () => {
    const reference = [field("a"), field("b", { kind: "list", item: float32 }), field("c")];
    const other = [
      field("b", { kind: "fixedList", item: float32, length: 2 }),
      field("c"),
      field("d", { kind: "string" }),
    ];
    expect(diffFields(reference, other)).toEqual([
      { kind: "missing", name: "a", expected: "float32" },
      { kind: "type", name: "b", expected: "list<float32>", found: "fixedList<float32, 2>" },
      { kind: "extra", name: "d", found: "string" },
    ]);
  });
});

it("a type is shown as users write it", () => {
  expect(showType({ kind: "list", item: { kind: "fixedBinary", bytes: 4 } })).toBe("list<fixedBinary<4>>");
  expect(showType({ kind: "date", unit: "day" }, true)).toBe("date32?");
});
