import fc from "fast-check";
import { expect, test } from "vitest";
import { THRIFT, ThriftFault, ThriftReader } from "../../../../shared/dataset/thrift-reader.ts";

/** Encodes a signed integer as zigzag and varint. */
function integer(value: number): number[] {
  let raw = value >= 0 ? 2n * BigInt(value) : -2n * BigInt(value) - 1n;
  const bytes: number[] = [];
  for (; raw >= 0x80n; raw >>= 7n) bytes.push(Number(raw & 0x7fn) | 0x80);
  return [...bytes, Number(raw)];
}

/** Largest and smallest integers: zigzag doubles them, and a number is exact up to 2^53. */
const [LEAST, MOST] = [-(2 ** 52), 2 ** 52 - 1];

function readBack(value: number): void {
  const reader = new ThriftReader(Uint8Array.from(integer(value)));
  expect([reader.integer(), reader.isAtEnd]).toEqual([value, true]);
}

test("every integer from -2^52 to 2^52 - 1 is read back", () => {
  for (const value of [LEAST, LEAST + 1, -1, 0, 1, MOST - 1, MOST]) readBack(value);
  fc.assert(fc.property(fc.integer({ min: LEAST, max: MOST }), readBack));
});

test.for([
  ["an integer of 2^52", integer(MOST + 1)],
  ["an integer below -2^52", integer(LEAST - 1)],
  ["an integer of 64 bits", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ["an integer that never ends", new Array(2_000).fill(0x80)],
] as const)("%s is a fault", ([, bytes]) => {
  expect(() => new ThriftReader(Uint8Array.from(bytes)).integer()).toThrow(ThriftFault);
});

/** A struct with one field of each type around the requested one. */
const MIXED = [
  ...[0x11], // 1: true, in its head
  ...[0x13, 7], // 2: a byte
  ...[0x16, ...integer(-41)], // 3: the one
  ...[0x17, 1, 2, 3, 4, 5, 6, 7, 8], // 4: a double
  ...[0x18, 2, 65, 66], // 5: a text
  ...[0x19, 0x28, 1, 65, 0], // 6: a list of two texts
  ...[0x19, 0x22, 1, 2], // 7: a list of two booleans
  ...[0x1b, 1, 0x85, 1, 65, 9], // 8: a map from text to integer
  ...[0x1c, 0x16, 2, 0], // 9: a struct
  ...[0x06, ...integer(40), ...integer(5)], // 40: by its whole number
  0,
];

test("fields that are not requested are skipped, whatever their type", () => {
  const reader = new ThriftReader(Uint8Array.from(MIXED));
  const found: [number, number][] = [];
  reader.struct((id, type) => {
    if (type !== THRIFT.i64) return false;
    found.push([id, reader.integer()]);
    return true;
  });
  expect(found).toEqual([
    [3, -41],
    [40, 5],
  ]);
  expect(reader.isAtEnd).toBe(true);
});

test.for([
  ["a list of more items than bytes", [0x19, 0xf6, 0xff, 0xff, 0x03, 0, 0]],
  ["a text that is longer than the input", [0x18, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ["a length that never ends", [0x18, ...new Array(2_000).fill(0x80)]],
  ["an unknown type", [0x1e, 0]],
  ["a struct without an end", [0x16, 2]],
] as const)("%s is a fault", ([, bytes]) => {
  expect(() => new ThriftReader(Uint8Array.from(bytes)).struct(() => false)).toThrow(ThriftFault);
});

test("endlessly nested structs are a fault instead of a stack overflow", () => {
  const deep = new Uint8Array(100_000).fill(0x1c);
  expect(() => new ThriftReader(deep).struct(() => false)).toThrow("nested more than");
});

test("any bytes are a value or a fault, and have at most as many fields as bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      let fields = 0;
      try {
        new ThriftReader(bytes).struct(() => {
          fields += 1;
          return false;
        });
      } catch (error) {
        expect(error).toBeInstanceOf(ThriftFault);
      }
      expect(fields).toBeLessThanOrEqual(bytes.length);
    }),
  );
});
