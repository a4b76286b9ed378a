import { expect, it } from "vitest";
import { outputRowBytes } from "../../../../coordinator/plan/output-row-bytes.ts";
import { anOutput } from "../../../support/shard-job.ts";

it.each([
  ["a raw tensor", anOutput({ op: "raw", dtype: "float32", rowDims: [8, 96], rowValues: 768 }), 768 * 4],
  [
    "one of half as wide values",
    anOutput({ op: "raw", dtype: "float16", rowDims: [768], rowValues: 768 }),
    768 * 2,
  ],
  ["a class", anOutput({ op: "argmax", rowDims: [10], rowValues: 10, labels: null }), 4],
  ["the best ten", anOutput({ op: "topK", k: 10, rowDims: [100], rowValues: 100, labels: null }), 80],
  ["a list of unknown length", anOutput({ op: "raw", uneven: true, rowDims: [768], rowValues: 768 }), 16],
])("%s takes its bytes of a row", (_, output, bytes) => {
  expect(outputRowBytes({ outputs: [output] })).toBe(bytes);
  expect(outputRowBytes({ outputs: [output, output] })).toBe(2 * bytes);
});
