import fc from "fast-check";
import { expect, test } from "vitest";
import { quantizeColumns } from "../../../extensions/convert/onnx/quantize-columns.ts";

const shape = fc.record({ rows: fc.integer({ min: 1, max: 6 }), columns: fc.integer({ min: 1, max: 6 }) });
const matrix = shape.chain(({ rows, columns }) =>
  fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
      minLength: rows * columns,
      maxLength: rows * columns,
    })
    .map((values) => ({ rows, columns, weights: Float32Array.from(values) })),
);

test("each quantized weight is within half a step of the original, and within the range", () => {
  fc.assert(
    fc.property(matrix, ({ rows, columns, weights }) => {
      const { values, scales } = quantizeColumns(weights, { rows, columns, transposed: false });
      for (let index = 0; index < weights.length; index += 1) {
        const [value, scale] = [values[index] ?? 0, scales[index % columns] ?? 0];
        expect(Math.abs(value)).toBeLessThanOrEqual(64);
        // Below float32's normal numbers, a scale itself is imprecise.
        if (scale < 1e-37) continue;
        expect(Math.abs(value * scale - (weights[index] ?? 0))).toBeLessThanOrEqual(scale * 0.501);
      }
    }),
  );
});

test("transposed weights and weights in row order are quantized equally", () => {
  fc.assert(
    fc.property(matrix, ({ rows, columns, weights }) => {
      const turned = Float32Array.from(
        weights,
        (_, index) => weights[(index % rows) * columns + Math.floor(index / rows)] ?? 0,
      );
      expect(quantizeColumns(turned, { rows, columns, transposed: true })).toEqual(
        quantizeColumns(weights, { rows, columns, transposed: false }),
      );
    }),
  );
});

test("a column of zeros stays zero and has a scale of one", () => {
  const { values, scales } = quantizeColumns(Float32Array.of(0, 2, 0, -1), {
    rows: 2,
    columns: 2,
    transposed: false,
  });
  expect([...values]).toEqual([0, 64, 0, -32]);
  expect([...scales]).toEqual([1, 2 / 64]);
});
