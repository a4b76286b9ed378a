import { expect, test } from "vitest";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import type { TensorData } from "../../../../shared/domain/tensor.ts";
import { rowMisfit } from "../../../../worker/batch/output-shape.ts";

const BINDING: OutputBinding = {
  column: "y",
  tensor: "t",
  dtype: "float32",
  rowDims: [2],
  rowValues: 2,
  sequence: null,
  open: { dims: [null], lengths: "count" },
  batchAxis: 0,
  declaredDims: ["n", "found", 2],
  op: { kind: "raw" },
};

function misfitOf(lengths: readonly bigint[]) {
  const boxes: TensorData = { dtype: "float32", dims: [2, 3, 2], data: new Float32Array(12).buffer };
  const count: TensorData = {
    dtype: "int64",
    dims: [lengths.length],
    data: BigInt64Array.from(lengths).buffer,
  };
  return rowMisfit({ t: boxes, count }, [BINDING], { rows: 2, lengths: null });
}

test("lengths of zero to the size of the tensor fit", () => {
  expect(misfitOf([0n, 3n])).toBeNull();
});

test.each([
  ["too long", [0n, 4n], "4"],
  ["negative", [-1n, 1n], "-1"],
  ["too few", [1n], "1 lengths"],
])("lengths that are %s are a wrong shape", (_name, lengths, found) => {
  const misfit = misfitOf(lengths);
  expect(misfit?.code).toBe("MODEL_SHAPE");
  expect(misfit?.fields).toMatchObject({ tensor: "count", expected: "2 lengths of 0 to 3", found });
});
