import { expect, it } from "vitest";
import { outputRowBytes } from "../../../../shared/domain/output-fields.ts";
import { anOutput } from "../../../support/shard-job.ts";

it.each([
  [
    "a raw tensor",
    anOutput({ op: { kind: "raw" }, dtype: "float32", rowDims: [8, 96], rowValues: 768 }),
    768 * 4,
  ],
  [
    "a raw tensor of float16",
    anOutput({ op: { kind: "raw" }, dtype: "float16", rowDims: [768], rowValues: 768 }),
    768 * 2,
  ],
  ["a class", anOutput({ op: { kind: "argmax", labels: null }, rowDims: [10], rowValues: 10 }), 4],
  [
    "the best ten classes",
    anOutput({ op: { kind: "topK", k: 10, labels: null }, rowDims: [100], rowValues: 100 }),
    80,
  ],
  [
    "a list of unknown length",
    anOutput({ op: { kind: "raw" }, sequence: 0, rowDims: [768], rowValues: 768 }),
    16,
  ],
])("%s adds its size to the bytes of a row", (_, output, bytes) => {
  expect(outputRowBytes({ outputs: [output] })).toBe(bytes);
  expect(outputRowBytes({ outputs: [output, output] })).toBe(2 * bytes);
});
