import { expect, test } from "vitest";
import { tensorTables } from "../../../../cli/render/tensors-text.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import { plainStyle } from "../../../../shared/terminal/style.ts";
import { aBinding } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const NO_STEPS = { keep: [], columns: [], prepare: [], finish: [], fixedBatchRows: null } as const;

function linesOf(map: Partial<MapBinding>): readonly string[] {
  return tensorTables({ inputs: [], outputs: [], ...NO_STEPS, ...map }, plainStyle)
    .join("\n")
    .split("\n");
}

test("vector outputs show their pooling, length, normalization and type", () => {
  const output = anOutput({ column: "y", tensor: "logits", rowDims: [10], rowValues: 10 });
  const vector = { dims: 4, normalize: true, as: "int8" } as const;
  const pooled = { kind: "pool", pool: "mean", positions: null, vector } as const;
  const all = { ...pooled, positions: 2, vector: { dims: 5, normalize: false, as: "float32" } } as const;
  const lines = linesOf({
    outputs: [
      { ...output, column: "a", op: { kind: "raw", vector: { ...vector, dims: 10 } } },
      { ...output, column: "b", op: pooled, sequence: 0, declaredDims: ["n", "s", 10] },
      { ...output, column: "c", op: all, rowDims: [2, 5], declaredDims: ["n", 2, 5] },
      {
        ...output,
        column: "d",
        op: { kind: "threshold", threshold: 0.5, activation: "sigmoid", labels: null },
      },
    ],
  });
  expect(lines.slice(-4)).toEqual([
    "a              normalized, as int8 of logits float32 [N, 10]",
    "b              pool mean, first 4, normalized, as int8 of logits float32 [N, positions, 10]",
    "c              pool mean of logits float32 [N, 2, 5]",
    "d              sigmoid >= 0.5 of logits float32 [N, 10]",
  ]);
});

test("several sequences are named after their first input, and a single one is not named", () => {
  const query = aBinding({ tensor: "query", rowDims: [], rowShape: { kind: "padded", pad: 0, sequence: 0 } });
  const mask = { ...query, tensor: "mask", source: { kind: "mask", of: "query" } } as const;
  const text = { ...query, tensor: "text", rowShape: { kind: "unpadded", sequence: 1 } } as const;
  const outputs = [
    anOutput({ column: "y", tensor: "scores", rowDims: [2], sequence: 1, op: { kind: "raw" } }),
  ];
  const shapes = (map: Partial<MapBinding>) => linesOf(map).flatMap((line) => /\[.*?\]/.exec(line) ?? []);
  expect(shapes({ inputs: [query, mask, text], outputs })).toEqual([
    "[N, positions of query]",
    "[N, positions of query]",
    "[N, positions of text]",
    "[N, positions of text, 2]",
  ]);
  expect(shapes({ inputs: [query, mask] })).toEqual(["[N, positions]", "[N, positions]"]);
});

test("an output that is used in another shape shows the shape that the model declares", () => {
  const y = anOutput({ column: "y", tensor: "t", rowDims: [3], op: { kind: "raw" }, declaredDims: ["n", 1] });
  expect(linesOf({ outputs: [y] }).at(-1)).toMatch(
    /t float32 \[N, 3\] \(the model declares float32\[n, 1\]\)$/,
  );
});
