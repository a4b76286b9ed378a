import fc from "fast-check";
import { expect, test } from "vitest";
import { partitionValue } from "../../../extensions/delta/partition-value.ts";
import type { FieldType, NumericType } from "../../../shared/domain/dataset.ts";

const number = (type: NumericType): FieldType => ({ kind: "numeric", type });
const timestamp: FieldType = { kind: "timestamp", unit: "microsecond", zone: "UTC" };
const decimal = (precision: number, scale: number): FieldType => ({ kind: "decimal", precision, scale });

test("whole numbers keep their value in their own range, and nothing else is one", () => {
  for (const [type, bits] of [
    ["int8", 8],
    ["int16", 16],
    ["int32", 32],
    ["int64", 64],
  ] as const) {
    const [least, greatest] = [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n];
    fc.assert(
      fc.property(fc.bigInt({ min: least, max: greatest }), (value) => {
        expect(partitionValue(String(value), number(type))).toBe(String(value));
      }),
    );
    for (const text of [String(least - 1n), String(greatest + 1n), "1.0", "0x1", " 1", "one", "1e3"])
      expect(partitionValue(text, number(type)), text).toBeUndefined();
  }
});

test("other numbers keep their value", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      const text = partitionValue(Object.is(value, -0) ? "-0.0" : String(value), number("float64"));
      expect(Number(text)).toBe(value);
    }),
  );
  expect(partitionValue("0.1", number("float32"))).toBe(String(Math.fround(0.1)));
  expect(
    ["NaN", "Infinity", "-Infinity", "inf", "-inf"].map((text) => partitionValue(text, number("float64"))),
  ).toEqual([...["NaN", "Infinity", "-Infinity", "Infinity", "-Infinity"]]);
  expect(["true", "FALSE", "1"].map((text) => partitionValue(text, number("bool")))).toEqual([
    "1",
    "0",
    undefined,
  ]);
  for (const text of ["", "1,5", "1.5.5", "Inf1"])
    expect(partitionValue(text, number("float64"))).toBeUndefined();
});

test("a decimal has its digits without the point", () => {
  const type = decimal(6, 2);
  expect(["0", "-1.2", "+12.30", "9999.99", "-0.05"].map((text) => partitionValue(text, type))).toEqual([
    ...["0", "-120", "1230", "999999", "-5"],
  ]);
  for (const text of ["1.234", "10000.00", ".5", "1e2", "-12.-34"])
    expect(partitionValue(text, type)).toBeUndefined();
});

test("days and times keep their moment, with and without a zone", () => {
  const date: FieldType = { kind: "date", unit: "day" };
  expect(["1970-01-02", "1969-12-31"].map((text) => partitionValue(text, date))).toEqual(["1", "-1"]);
  for (const text of ["2024-02-30", "2024-1-1", "today"]) expect(partitionValue(text, date)).toBeUndefined();
  fc.assert(
    fc.property(
      fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
      (at) => {
        const expected = String(BigInt(at.getTime()) * 1_000n);
        const text = at.toISOString();
        expect(partitionValue(text, timestamp)).toBe(expected);
        expect(partitionValue(text.replace("T", " ").replace("Z", ""), timestamp)).toBe(expected);
      },
    ),
  );
  expect(partitionValue("1970-01-01 00:00:00.000001", timestamp)).toBe("1");
  expect(partitionValue("1970-01-01T01:00:00+01:00", timestamp)).toBe("0");
  expect(partitionValue("1969-12-31T19:00:00-05:00", timestamp)).toBe("0");
  for (const text of ["1970-01-01", "1970-01-01 24:00:00", "1970-01-01 00:00:00.0000001", "1970-01-01 00:00"])
    expect(partitionValue(text, timestamp), text).toBeUndefined();
});

test("no file can have a partition of bytes or of a nested type", () => {
  for (const type of [{ kind: "binary" }, { kind: "list", item: { kind: "string" } }] as const)
    expect(partitionValue("x", type)).toBeNull();
});
