import {
  Binary,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  Float32,
  Int32,
  Int64,
  List,
  Struct,
  Table,
  TimeMicrosecond,
  TimestampMillisecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { shownRows } from "../../../extensions/try/shown-value.ts";

function shown(vector: Vector) {
  return shownRows(new Table({ x: vector })).columns[0]?.values;
}

test("values of every type are shown as readable JSON", () => {
  expect(shown(vectorFromArray([1.5, null, Number.NaN], new Float32()))).toEqual([1.5, null, "NaN"]);
  expect(shown(vectorFromArray([7n, 2n ** 60n], new Int64()))).toEqual([7, String(2n ** 60n)]);
  expect(shown(vectorFromArray(["a", ""], new Utf8()))).toEqual(["a", ""]);
  expect(shown(vectorFromArray(["a", "b", "a"], new Dictionary(new Utf8(), new Int32())))).toEqual([
    "a",
    "b",
    "a",
  ]);
  expect(shown(vectorFromArray([new Date("2026-11-27")], new DateDay()))).toEqual(["2026-11-27"]);
  const noon = new Date("2026-11-27T12:00:01.250Z");
  expect(shown(vectorFromArray([noon], new TimestampMillisecond()))).toEqual(["2026-11-27T12:00:01.250"]);
  expect(shown(vectorFromArray([noon], new TimestampMillisecond("Europe/Oslo")))).toEqual([
    "2026-11-27T12:00:01.250Z",
  ]);
  expect(shown(vectorFromArray([47_109_250_000n], new TimeMicrosecond()))).toEqual(["13:05:09.25"]);
  const struct = new Struct([new Field("a", new Int32()), new Field("b", new Utf8(), true)]);
  expect(shown(vectorFromArray([{ a: 1, b: null }], struct))).toEqual([{ a: 1, b: null }]);
});

test("decimals are exact, also negative ones", () => {
  const words = (value: bigint) => {
    const bits = BigInt.asUintN(128, value);
    return Uint32Array.from([0n, 32n, 64n, 96n], (shift) => Number((bits >> shift) & 0xffffffffn));
  };
  const vector = vectorFromArray([words(12_345n), words(-5n)], new Decimal(2, 10));
  expect(shown(vector)).toEqual(["123.45", "-0.05"]);
});

test("long values are shown with their beginning and their length", () => {
  const list = new List(new Field("item", new Int32(), false));
  expect(shown(vectorFromArray([[1, 2], Array.from({ length: 100 }, (_, at) => at)], list))).toEqual([
    [1, 2],
    {
      long: "items",
      length: 100,
      range: { min: 0, max: 99, mean: 49.5 },
      first: Array.from({ length: 32 }, (_, at) => at),
    },
  ]);
  expect(shown(vectorFromArray(["x".repeat(5_000)], new Utf8()))).toEqual([
    { long: "characters", length: 5_000, range: null, first: "x".repeat(2_000) },
  ]);
  expect(shown(vectorFromArray([new Uint8Array(300).fill(255)], new Binary()))).toEqual([
    { long: "bytes", length: 300, range: null, first: "ff".repeat(16) },
  ]);
});

test("many rows are shown with the first ones and their count", () => {
  const rows = shownRows(new Table({ x: vectorFromArray(Array(50).fill(1), new Int32()) }));
  expect(rows.rows).toBe(50);
  expect(rows.columns[0]?.values).toHaveLength(20);
});
