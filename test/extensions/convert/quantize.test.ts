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

test("a matrix product becomes an integer product with int8 weights and their scales", () => {
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

test("weights and activations that several nodes share are quantized once", () => {
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

test("float32 weights that another node also reads are kept", () => {
  const { graph } = quantized(
    [
      { op: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
      { op: "Add", inputs: ["a", "w"], outputs: ["y"] },
    ],
    [weights("w", [4, 4])],
  );
  expect(constantsIn(graph)).toEqual(["w", "w_int8", "w_int8_scale"]);
});

test("a Gemm adds its bias in float32, multiplied by beta where beta is not one", () => {
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

test("weights in Constant nodes are converted, and the nodes are removed", () => {
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

test("products inside a branch are converted there with constants of the outer graph", () => {
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

describe("unsupported products", () => {
  const one = weights("one", [4, 4]);
  test.each<[string, NodeSpec, ConstantSpec]>([
    ["a product of two activations", { op: "MatMul", inputs: ["x", "x"], outputs: ["z"] }, one],
    ["a product with weights on the left", { op: "MatMul", inputs: ["one", "x"], outputs: ["z"] }, one],
    [
      "a product with weights of three dimensions",
      { op: "MatMul", inputs: ["x", "w"], outputs: ["z"] },
      weights("w", [2, 4, 4]),
    ],
    [
      "a product with weights that are not finite",
      { op: "MatMul", inputs: ["x", "w"], outputs: ["z"] },
      weights("w", [4, 4], Number.POSITIVE_INFINITY),
    ],
    [
      "a product with a transposed left side",
      { op: "Gemm", inputs: ["x", "w"], outputs: ["z"], attributes: { transA: 1 } },
      weights("w", [4, 4]),
    ],
  ])("%s stays in float32 and is reported", (_why, node, constant) => {
    const { graph, conversion } = quantized(
      [node, { op: "MatMul", inputs: ["x", "good"], outputs: ["y"] }],
      [constant, weights("good", [4, 4])],
    );
    expect(conversion.left).toMatchObject([{ op: node.op, nodes: 1 }]);
    expect(opsOf(graph)[0]).toBe(node.op);
  });
});

test("a model with an old operator set and a model without products are refused", () => {
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

test("new constants get names that are not in use", () => {
  const model = decodeOnnxModel(mlpModel({ inputs: 4, hidden: [], outputs: 2 }));
  model.graph.initializer.push({ name: "weight0_int8", dims: [], dataType: 1, floatData: [1] });
  quantizeModel(model);
  expect(constantsIn(model.graph)).toContain("weight0_int8_2");
});
