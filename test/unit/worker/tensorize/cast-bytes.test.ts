import { describe, expect, test } from "vitest";
import { castValues } from "../../../../worker/tensorize/cast.ts";
import { castBytes, LEAST_BYTES } from "../../../../worker/tensorize/cast-bytes.ts";

const scaled = (value: number) => value / 255 - 0.5;

describe.each([
  ["unsigned", (buffer: ArrayBuffer, from: number, count: number) => new Uint8Array(buffer, from, count)],
  ["signed", (buffer: ArrayBuffer, from: number, count: number) => new Int8Array(buffer, from, count)],
])("castBytes of %s bytes", (_sign, view) => {
  test.each([4, 5, 6, 7, 600, 601, 602, 603])(
    "%d bytes at any alignment become the same floats as each byte alone",
    (count) => {
      const { buffer } = Uint8Array.from({ length: 640 }, (_, index) => (index * 97) % 256);
      for (const from of [0, 1, 2, 3]) {
        const bytes = view(buffer, from, count);
        const target = new Float32Array(count + 2).fill(7);
        castBytes(bytes, target.subarray(1, count + 1), scaled);
        expect([...target]).toEqual([7, ...Array.from(bytes, (byte) => Math.fround(scaled(byte))), 7]);
      }
    },
  );
});

test("castValues gives the same floats for many bytes at once as byte by byte", () => {
  const values = Uint8Array.from({ length: LEAST_BYTES + 300 }, (_, index) => (index * 31) % 256);
  const leaf = { kind: "numbers", type: "uint8", values } as const;
  const cast = { dtype: "float32", scale: 1 / 255, offset: -0.1 } as const;
  const [many, few] = [new Float32Array(values.length + 4), new Float32Array(values.length + 4)];
  castValues(leaf, 10, 10 + LEAST_BYTES, cast, { array: many, at: 3, stride: 1 });
  for (let index = 0; index < LEAST_BYTES; index += 1)
    castValues(leaf, 10 + index, 11 + index, cast, { array: few, at: 3 + index, stride: 1 });
  expect(many).toEqual(few);
});
