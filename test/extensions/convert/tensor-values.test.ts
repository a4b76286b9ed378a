import { expect, test } from "vitest";
import { floatsOf, halfTensor } from "../../../extensions/convert/onnx/tensor-values.ts";
import { halfTable } from "../../../shared/core/float16.ts";

const FLOAT = { name: "w", dataType: 1 };

test("float values are read from raw bytes at any offset, or from a list of numbers", () => {
  const bytes = new Uint8Array(9);
  bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
  expect([...floatsOf({ ...FLOAT, dims: [2], rawData: bytes.subarray(1) })]).toEqual([1.5, -2]);
  expect([...floatsOf({ ...FLOAT, dims: [2], floatData: [3, 4] })]).toEqual([3, 4]);
  expect([...floatsOf({ ...FLOAT, dims: [], floatData: [3] })]).toEqual([3]);
});

test("a tensor with fewer values than its dimensions is refused with its name", () => {
  expect(() => floatsOf({ ...FLOAT, dims: [1_000_000, 1_000_000], floatData: [3] })).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
      fields: { tensor: "w", expected: 1_000_000_000_000, found: 1 },
    }),
  );
});

test("values are rounded to the nearest float16, and finite values beyond its range are cut and counted", () => {
  const values = Float32Array.of(1, 0.1, 65_519, 65_520, -1e30, Number.NEGATIVE_INFINITY, 1e-30);
  const { tensor, clamped } = halfTensor("h", [7], values);
  const bits = new Uint16Array((tensor.rawData ?? new Uint8Array()).slice().buffer);
  const found = [...bits].map((bit) => halfTable()[bit]);
  expect(found).toEqual([1, 0.0999755859375, 65_504, 65_504, -65_504, Number.NEGATIVE_INFINITY, 0]);
  expect(clamped).toBe(2);
});
