import { describe, expect, test } from "vitest";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { outputFields } from "../../../../shared/domain/output-fields.ts";

function anOutput(parts: Partial<OutputBinding>): OutputBinding {
  const rowDims = parts.rowDims ?? [10];
  const rowValues = rowDims.reduce((a, b) => a * b, 1);
  return {
    column: "y",
    tensor: "logits",
    dtype: "float32",
    rowDims,
    rowValues,
    sequence: null,
    batchAxis: 0,
    declaredDims: [],
    op: { kind: "raw" },
    ...parts,
  };
}

const float32 = { kind: "numeric", type: "float32" };
const int32 = { kind: "numeric", type: "int32" };
const labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

describe("the fields of the rows files", () => {
  test.each([
    ["a raw scalar", { rowDims: [], dtype: "int64" }, [["y", { kind: "numeric", type: "int64" }]]],
    ["a raw vector of one", { rowDims: [1], dtype: "bool" }, [["y", { kind: "numeric", type: "bool" }]]],
    [
      "a raw tensor, flattened",
      { rowDims: [2, 3] },
      [["y", { kind: "fixedList", item: float32, length: 6 }]],
    ],
    ["a raw value for each position", { rowDims: [], sequence: 0 }, [["y", { kind: "list", item: float32 }]]],
    [
      "a raw vector for each position",
      { rowDims: [2, 3], sequence: 0 },
      [["y", { kind: "list", item: { kind: "fixedList", item: float32, length: 6 } }]],
    ],
    [
      "a softmax",
      { op: { kind: "softmax" }, dtype: "float16" },
      [["y", { kind: "fixedList", item: float32, length: 10 }]],
    ],
    [
      "the classes that reach a threshold",
      { op: { kind: "threshold", threshold: 1, activation: "none", labels: null } },
      [
        ["y_scores", { kind: "list", item: float32 }],
        ["y_indices", { kind: "list", item: int32 }],
      ],
    ],
    [
      "the classes that reach a threshold, by name",
      { op: { kind: "threshold", threshold: 0.5, activation: "sigmoid", labels: labels } },
      [
        ["y_scores", { kind: "list", item: float32 }],
        ["y_labels", { kind: "list", item: { kind: "string" } }],
      ],
    ],
    [
      "a pooled vector",
      {
        op: {
          kind: "pool",
          pool: "mean",
          positions: null,
          vector: { dims: 10, normalize: false, as: "float32" },
        },
        dtype: "float16",
        sequence: 0,
      },
      [["y", { kind: "fixedList", item: float32, length: 10 }]],
    ],
    [
      "the first values of a vector as float16",
      { op: { kind: "raw", vector: { dims: 4, normalize: true, as: "float16" } } },
      [["y", { kind: "fixedList", item: { kind: "numeric", type: "float16" }, length: 4 }]],
    ],
    [
      "a vector as bits",
      { op: { kind: "raw", vector: { dims: 10, normalize: false, as: "ubinary" } } },
      [["y", { kind: "fixedList", item: { kind: "numeric", type: "uint8" }, length: 2 }]],
    ],
    ["a sigmoid of a scalar", { op: { kind: "sigmoid" }, rowDims: [1] }, [["y", float32]]],
    ["the best probability", { op: { kind: "maxSoftmax" }, dtype: "float64" }, [["y", float32]]],
    ["the best class", { op: { kind: "argmax", labels: null } }, [["y", int32]]],
    ["the best class by name", { op: { kind: "argmax", labels: labels } }, [["y", { kind: "string" }]]],
    [
      "the best k classes",
      { op: { kind: "topK", k: 3, labels: null } },
      [
        ["y_values", { kind: "fixedList", item: float32, length: 3 }],
        ["y_indices", { kind: "fixedList", item: int32, length: 3 }],
      ],
    ],
    [
      "the best k classes by name",
      { op: { kind: "topK", k: 1, labels: labels } },
      [
        ["y_values", { kind: "fixedList", item: float32, length: 1 }],
        ["y_labels", { kind: "fixedList", item: { kind: "string" }, length: 1 }],
      ],
    ],
  ] as const)("the fields for %s have the right names and types", (_name, parts, expected) => {
    const fields = outputFields({ keep: [], outputs: [anOutput(parts)] });
    expect(fields).toEqual(expected.map(([name, type]) => ({ name, type, nullable: false })));
  });

  test("the kept columns are first and unchanged, and the outputs follow in order", () => {
    const id = { name: "id", type: { kind: "string" }, nullable: true } as const;
    const outputs = [
      anOutput({ column: "b", op: { kind: "argmax", labels: null } }),
      anOutput({ column: "a", op: { kind: "argmax", labels: null } }),
    ];
    const fields = outputFields({ keep: [id], outputs });
    expect(fields.map(({ name }) => name)).toEqual(["id", "b", "a"]);
    expect(fields[0]).toBe(id);
  });
});
