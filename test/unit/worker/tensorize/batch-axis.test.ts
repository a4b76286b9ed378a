import fc from "fast-check";
import { expect, test } from "vitest";
import { product, withBatchAt } from "../../../../shared/domain/tensor.ts";
import { placeBatch, rowsFirst } from "../../../../worker/tensorize/batch-axis.ts";

const small = fc.integer({ min: 0, max: 4 });
const someRows = fc.record({
  rows: small,
  rowDims: fc.array(small, { maxLength: 3 }),
  axis: fc.nat(3),
});

test("placeBatch moves the batch to any axis, and rowsFirst restores the original tensor", () => {
  fc.assert(
    fc.property(someRows, ({ rows, rowDims, axis }) => {
      fc.pre(axis <= rowDims.length);
      const dims = [rows, ...rowDims];
      const data = Int32Array.from({ length: product(dims) }, (_, index) => index);
      const tensor = { dtype: "int32", dims, data: data.buffer } as const;
      const placed = placeBatch(tensor, axis);
      expect(placed.dims).toEqual(withBatchAt(rowDims, rows, axis));
      const found = new Int32Array(placed.data);
      data.forEach((value, index) => {
        const [row = 0, ...place] = placesOf(index, dims);
        expect(found[indexOf(withBatchAt(place, row, axis), placed.dims)]).toBe(value);
      });
      expect(rowsFirst(placed, axis)).toEqual(tensor);
    }),
  );
});

function placesOf(index: number, dims: readonly number[]): number[] {
  return dims.map((size, axis) => Math.floor(index / product(dims.slice(axis + 1))) % size);
}

function indexOf(places: readonly number[], dims: readonly number[]): number {
  return places.reduce((index, place, axis) => index + place * product(dims.slice(axis + 1)), 0);
}
