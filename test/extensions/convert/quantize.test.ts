import { describe, expect, test } from "vitest";
import { allGraphs, decodeOnnxModel, type OnnxGraph } from "../../../extensions/convert/onnx/onnx-model.ts";
import { quantizeModel } from "../../../extensions/convert/onnx/quantize.ts";
import { type ConstantSpec, mlpModel, type NodeSpec, onnxModel } from "../../support/onnx-model.ts";

const weights = (name: string, dims: readonly number[], value = 1): ConstantSpec => ({
  name,
  dtype: "float32",
  dims,
  data: new Float32Array(dims.reduce((total, dim) => total * dim, 1)).fill(value),
});

function quantized(nodes: readonly NodeSpec[], constants: readonly ConstantSpec[], opset = 17) {
  const model = decodeOnnxModel(
    onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["batch", 4] }],
      outputs: [{ name: "y", dtype: "float32", dims: ["batch", 4] }],
      nodes,
      constants,
      opset,
    }),
  );
  return { graph: model.graph, conversion: quantizeModel(model) };
}

const opsOf = ({ node }: OnnxGraph) => node.map(({ opType }) => opType);
const constantsIn = ({ initializer }: OnnxGraph) => initializer.map(({ name }) => name);

test("a product becomes one of integers, with its weights as int8 and their scales beside them", () => {
  const { graph, conversion } = quantized(
    [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    [weights("w", [4, 4])],
  );
  expect(opsOf(graph)).toEqual(["DynamicQuantizeLinear", "MatMulInteger", "Cast", "Mul", "Mul"]);
  expect(constantsIn(graph)).toEqual(["w_int8", "w_int8_scale"]);
  expect(graph.node.at(-1)?.output).toEqual(["y"]);
  expect(conversion).toMatchObject({
    nodes: { converted: 1, total: 1 },
    weights: { tensors: 1, values: 16 },
    left: [],
  });
});

test("what several nodes share is quantised once: weights, and activations", () => {
  const { graph } = quantized(
    [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "MatMul", inputs: ["x", "w"], outputs: ["b"] },
      { op: "Add", inputs: ["a", "b"], outputs: ["y"] },
    ],
    [weights("w", [4, 4])],
  );
  expect(opsOf(graph).filter((op) => op === "DynamicQuantizeLinear")).toHaveLength(1);
  expect(constantsIn(graph)).toEqual(["w_int8", "w_int8_scale"]);
});

test("weights that another node reads, too, stay for it", () => {
  const { graph } = quantized(
    [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "Add", inputs: ["a", "w"], outputs: ["y"] },
    ],
    [weights("w", [4, 4])],
  );
  expect(constantsIn(graph)).toEqual(["w", "w_int8", "w_int8_scale"]);
});

test("a Gemm keeps its bias in float32, and beta is multiplied in where it is not one", () => {
  const gemm = (beta: number): NodeSpec => ({
    op: "Gemm",
    inputs: ["x", "w", "bias"],
    outputs: ["y"],
    attributes: { transB: 1, alpha: { float: 2 }, beta: { float: beta } },
  });
  const constants = [weights("w", [4, 4]), weights("bias", [4])];
  expect(opsOf(quantized([gemm(1)], constants).graph).slice(-2)).toEqual(["Mul", "Add"]);
  expect(opsOf(quantized([gemm(0.5)], constants).graph).slice(-3)).toEqual(["Mul", "Mul", "Add"]);
});

test("weights in Constant nodes count, and the nodes go", () => {
  const { graph } = quantized(
    [
      {
        op: "Constant",
        inputs: [],
        outputs: ["w"],
        attributes: { value: { tensor: weights("value", [4, 4]) } },
      },
      { op: "MatMul", inputs: ["x", "w"], outputs: ["y"] },
    ],
    [],
  );
  expect(opsOf(graph)).not.toContain("Constant");
});

test("products inside a branch are converted there, by constants of the graph around it", () => {
  const branch = (output: string, op: string) => ({
    graph: {
      inputs: [],
      outputs: [{ name: output, dtype: "float32" as const, dims: ["batch", 4] }],
      nodes: [{ op, inputs: ["x", "w"], outputs: [output] }],
    },
  });
  const { graph, conversion } = quantized(
    [
      {
        op: "If",
        inputs: ["c"],
        outputs: ["y"],
        attributes: { then_branch: branch("a", "MatMul"), else_branch: branch("b", "Add") },
      },
    ],
    [weights("w", [4, 4]), { name: "c", dtype: "bool", dims: [], data: Uint8Array.of(1) }],
  );
  expect([...allGraphs(graph)].map((one) => opsOf(one).includes("MatMulInteger"))).toEqual([
    false,
    true,
    false,
  ]);
  // The other branch adds it.
  expect(constantsIn(graph)).toContain("w");
  expect(conversion.nodes).toEqual({ converted: 1, total: 3 });
});

describe("a product is left alone, and said to be,", () => {
  const one = weights("one", [4, 4]);
  test.each<[string, NodeSpec, ConstantSpec]>([
    ["with activations on both sides", { op: "MatMul", inputs: ["x", "x"], outputs: ["z"] }, one],
    ["with weights on the left", { op: "MatMul", inputs: ["one", "x"], outputs: ["z"] }, one],
    [
      "with weights of three dimensions",
      { op: "MatMul", inputs: ["x", "w"], outputs: ["z"] },
      weights("w", [2, 4, 4]),
    ],
    [
      "with weights that are not finite",
      { op: "MatMul", inputs: ["x", "w"], outputs: ["z"] },
      weights("w", [4, 4], Number.POSITIVE_INFINITY),
    ],
    [
      "with its left side transposed",
      { op: "Gemm", inputs: ["x", "w"], outputs: ["z"], attributes: { transA: 1 } },
      weights("w", [4, 4]),
    ],
  ])("%s", (_why, node, constant) => {
    const { graph, conversion } = quantized(
      [node, { op: "MatMul", inputs: ["x", "good"], outputs: ["y"] }],
      [constant, weights("good", [4, 4])],
    );
    expect(conversion.left).toMatchObject([{ op: node.op, nodes: 1 }]);
    expect(opsOf(graph)[0]).toBe(node.op);
  });
});

test("an operator set without the operators, and a model without products, are refused", () => {
  const product: NodeSpec = { op: "MatMul", inputs: ["x", "w"], outputs: ["y"] };
  expect(() => quantized([product], [weights("w", [4, 4])], 10)).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
      fields: { expected: 11, found: 10 },
    }),
  );
  expect(() => quantized([{ op: "Relu", inputs: ["x"], outputs: ["y"] }], [])).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
    }),
  );
});

test("new names avoid those that are taken", () => {
  const model = decodeOnnxModel(mlpModel({ inputs: 4, hidden: [], outputs: 2 }));
  model.graph.initializer.push({ name: "weight0_int8", dims: [], dataType: 1, floatData: [1] });
  quantizeModel(model);
  expect(constantsIn(model.graph)).toContain("weight0_int8_2");
});
