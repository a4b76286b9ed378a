import { describe, expect, test } from "vitest";
import { halveModel } from "../../../extensions/convert/onnx/halve-model.ts";
import { allGraphs, decodeOnnxModel, type OnnxGraph } from "../../../extensions/convert/onnx/onnx-model.ts";
import { type ConstantSpec, type NodeSpec, onnxModel } from "../../support/onnx-model.ts";

const floats = (name: string, dims: readonly number[], value = 1): ConstantSpec => ({
  name,
  dtype: "float32",
  dims,
  data: new Float32Array(dims.reduce((total, dim) => total * dim, 1)).fill(value),
});
const PRODUCT: NodeSpec = { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] };
const W = floats("w", [4, 4]);

function halved(
  nodes: readonly NodeSpec[],
  constants: readonly ConstantSpec[],
  extra: { outputs?: string[] } = {},
) {
  const model = decodeOnnxModel(
    onnxModel({
      inputs: [
        { name: "x", dtype: "float32", dims: ["batch", 4] },
        { name: "i", dtype: "int64", dims: ["batch"] },
      ],
      outputs: (extra.outputs ?? ["y"]).map((name) => ({ name, dtype: "float32", dims: ["batch", 4] })),
      nodes,
      constants,
      opset: 17,
    }),
  );
  return { graph: model.graph, conversion: halveModel(model) };
}

const opsOf = ({ node }: OnnxGraph) => node.map(({ opType }) => opType);

test("a chain of converted operators is cast only at its start and end", () => {
  const { graph, conversion } = halved(
    [
      PRODUCT,
      { op: "Add", inputs: ["a", "bias"], outputs: ["b"] },
      { op: "Relu", inputs: ["b"], outputs: ["c"] },
      { op: "MatMul", inputs: ["c", "w"], outputs: ["y"] },
    ],
    [W, floats("bias", [4])],
  );
  expect(opsOf(graph)).toEqual(["Cast", "MatMul", "Add", "Relu", "MatMul", "Cast"]);
  expect(graph.initializer.map(({ name, dataType }) => [name, dataType])).toEqual([
    ["w_half", 10],
    ["bias_half", 10],
  ]);
  expect(graph.node.at(-1)?.output).toEqual(["y"]);
  expect(conversion).toMatchObject({ nodes: { converted: 4, total: 4 }, left: [], warnings: [] });
});

test("an operator that needs float32 keeps it with a reason, and conversion continues after it", () => {
  const { graph, conversion } = halved(
    [
      PRODUCT,
      { op: "Exp", inputs: ["a"], outputs: ["b"] },
      { op: "MatMul", inputs: ["b", "w"], outputs: ["y"] },
    ],
    [W],
  );
  expect(opsOf(graph)).toEqual(["Cast", "MatMul", "Cast", "Exp", "Cast", "MatMul", "Cast"]);
  expect(conversion.left).toMatchObject([{ op: "Exp", nodes: 1, reason: expect.stringContaining("range") }]);
});

test("operators outside the ONNX standard stay in float32 with a reason", () => {
  const { conversion } = halved(
    [PRODUCT, { op: "Thing", domain: "com.example", inputs: ["a"], outputs: ["y"] }],
    [W],
  );
  expect(conversion.left).toEqual([{ op: "Thing", nodes: 1, reason: "it is not a standard ONNX operator" }]);
});

test("elementwise operators before the first weights stay in float32, and only their result is cast", () => {
  const { graph } = halved(
    [
      { op: "Mul", inputs: ["x", "s"], outputs: ["m"] },
      { op: "MatMul", inputs: ["m", "w"], outputs: ["y"] },
    ],
    [W, floats("s", [1])],
  );
  expect(opsOf(graph)).toEqual(["Mul", "Cast", "MatMul", "Cast"]);
});

test("a table of weights is converted where rows are looked up in it, and the indices stay unchanged", () => {
  const { graph } = halved([{ op: "Gather", inputs: ["w", "i"], outputs: ["y"] }], [W]);
  expect(opsOf(graph)).toEqual(["Gather", "Cast"]);
  expect(graph.node[0]?.input).toEqual(["w_half", "i"]);
});

describe("constants outside the range of float16", () => {
  test("a constant that would become zero keeps its operator in float32", () => {
    const { graph, conversion } = halved(
      [PRODUCT, { op: "Add", inputs: ["a", "eps"], outputs: ["y"] }],
      [W, floats("eps", [], 1e-12)],
    );
    expect(opsOf(graph)).toEqual(["Cast", "MatMul", "Cast", "Add"]);
    expect(conversion.left).toMatchObject([{ op: "Add", reason: "its constant would be zero in float16" }]);
    expect(graph.initializer.map(({ name }) => name)).toContain("eps");
  });

  test("a constant that is too large is cut with a warning", () => {
    const { conversion } = halved(
      [PRODUCT, { op: "Add", inputs: ["a", "mask"], outputs: ["y"] }],
      [W, floats("mask", [4], -1e9)],
    );
    expect(conversion.warnings).toEqual([expect.stringContaining("4 of the 4 values of `mask`")]);
  });
});

test("a converted value that an output and an operator need in float32 is cast back once", () => {
  const { graph } = halved(
    [
      PRODUCT,
      { op: "MatMul", inputs: ["a", "w"], outputs: ["y"] },
      { op: "Sin", inputs: ["a"], outputs: ["z"] },
    ],
    [W],
    { outputs: ["y", "a", "z"] },
  );
  const casts = graph.node.filter(({ opType }) => opType === "Cast").map(({ output }) => output[0]);
  expect(casts).toEqual(["x_half", "a", "y"]);
});

test("products inside a branch are converted there, and the branch keeps the type of its output", () => {
  const branch = (output: string, op: string) => ({
    graph: {
      inputs: [],
      outputs: [{ name: output, dtype: "float32" as const, dims: ["batch", 4] }],
      nodes: [{ op, inputs: ["x", "w"], outputs: [output] }],
    },
  });
  const attributes = { then_branch: branch("p", "MatMul"), else_branch: branch("q", "Add") };
  const { graph, conversion } = halved(
    [{ op: "If", inputs: ["c"], outputs: ["y"], attributes }],
    [W, { name: "c", dtype: "bool", dims: [], data: Uint8Array.of(1) }],
  );
  const [, then, other] = [...allGraphs(graph)];
  expect([graph, then, other].map((one) => one && opsOf(one))).toEqual([
    ["If"],
    ["Cast", "MatMul", "Cast"],
    ["Add"],
  ]);
  expect(then?.node.at(-1)?.output).toEqual(["p"]);
  expect(then?.node[1]?.input[1]).toBe("w_half");
  // The other branch adds the weights in float32.
  expect(graph.initializer.map(({ name }) => name)).toEqual(expect.arrayContaining(["w", "w_half"]));
  expect(conversion.nodes).toEqual({ converted: 1, total: 3 });
});

test("operators on whole numbers stay unchanged", () => {
  const { graph } = halved(
    [
      PRODUCT,
      { op: "Add", inputs: ["i", "i"], outputs: ["j"] },
      { op: "Identity", inputs: ["a"], outputs: ["y"] },
    ],
    [W],
  );
  expect(graph.node.find(({ opType }) => opType === "Add")?.output).toEqual(["j"]);
});

test("a model without weights is refused", () => {
  expect(() => halved([{ op: "Relu", inputs: ["x"], outputs: ["y"] }], [])).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
    }),
  );
});
