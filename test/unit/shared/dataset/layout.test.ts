import {
  type DataType,
  Decimal,
  Dictionary,
  Field,
  Float32,
  Int8,
  Int32,
  LargeUtf8,
  List,
  Schema,
  Utf8,
} from "apache-arrow";
import { expect, test } from "vitest";
import { layoutOf } from "../../../../shared/dataset/layout.ts";

const field = (name: string, type: DataType, nullable = true, metadata?: Map<string, string>) =>
  new Field(name, type, nullable, metadata);
const listOf = (item: DataType, nullable = true) => new List(field("item", item, nullable));
const base = [field("a", new Utf8()), field("b", listOf(new Float32()))];

test("the same columns have the same layout, whatever their order and the schema's metadata", () => {
  const [a, b] = base;
  if (a === undefined || b === undefined) throw new Error("no fields");
  const about = new Map([["pandas", "of this file alone"]]);
  expect(layoutOf(new Schema([b, a], about))).toBe(layoutOf(new Schema([a, b])));
});

test.each([
  ["another type of the same values", [field("a", new LargeUtf8()), base[1]]],
  ["a column without nulls", [field("a", new Utf8(), false), base[1]]],
  ["a list without null items", [base[0], field("b", listOf(new Float32(), false))]],
  ["a dictionary", [field("a", new Dictionary(new Utf8(), new Int32())), base[1]]],
  ["other metadata of a column", [field("a", new Utf8(), true, new Map([["unit", "m"]])), base[1]]],
  ["another column", [base[0], base[1], field("c", new Int8())]],
])("%s makes another layout", (_what, fields) => {
  const found = fields.flatMap((given) => given ?? []);
  expect(layoutOf(new Schema(found))).not.toBe(layoutOf(new Schema(base)));
});

test("decimals with the same digits and different bit widths have different layouts", () => {
  const layout = (bits: number) => layoutOf(new Schema([field("a", listOf(new Decimal(2, 10, bits)))]));
  expect(layout(256)).not.toBe(layout(128));
});
