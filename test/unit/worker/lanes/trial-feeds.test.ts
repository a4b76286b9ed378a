import { expect, test } from "vitest";
import { DTYPE_ARRAYS, DTYPES, product } from "../../../../shared/domain/tensor.ts";
import { planTrial, TRIAL_STEPS } from "../../../../worker/lanes/trial-feeds.ts";
import { aBinding } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

test("feeds have the job's shapes and as many elements as they say, of any type", () => {
  for (const dtype of DTYPES) {
    const even = planTrial({ inputs: [aBinding({ dtype, rowDims: [3, 2], rowValues: 6 })], outputs: [] });
    const { x } = even.feeds(5);
    expect(x).toMatchObject({ dtype, dims: [5, 3, 2] });
    expect(new DTYPE_ARRAYS[dtype](x?.data ?? new ArrayBuffer(0))).toHaveLength(product(x?.dims ?? []));
  }
});

test("floats are spread around zero, whole numbers are zero, masks are full", () => {
  const uneven = { pad: 0 };
  const { feeds, outputs } = planTrial({
    inputs: [
      aBinding({ tensor: "pixels" }),
      aBinding({ tensor: "ids", dtype: "int64", uneven }),
      aBinding({ tensor: "mask", dtype: "int64", uneven, source: { kind: "mask", of: "ids" } }),
    ],
    outputs: [anOutput({ tensor: "a" }), anOutput({ tensor: "b" }), anOutput({ tensor: "a" })],
  });
  const { pixels, ids, mask } = feeds(4);
  const values = [...new Float32Array(pixels?.data ?? new ArrayBuffer(0))];
  expect(new Set(values).size).toBe(4);
  expect(values.every((value) => Math.abs(value) <= 0.5)).toBe(true);
  expect(ids?.dims).toEqual([4, TRIAL_STEPS]);
  expect(new Set(new BigInt64Array(ids?.data ?? new ArrayBuffer(0)))).toEqual(new Set([0n]));
  expect(new Set(new BigInt64Array(mask?.data ?? new ArrayBuffer(0)))).toEqual(new Set([1n]));
  expect(outputs).toEqual(["a", "b"]);
});
