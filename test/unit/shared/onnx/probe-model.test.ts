import { expect, test } from "vitest";
import { PROBE_BIAS, PROBE_MODEL_BASE64, PROBE_WEIGHTS } from "../../../../shared/onnx/probe-model.ts";
import { onnxModel } from "../../../support/onnx-model.ts";

test("the probe's embedded bytes are the MatMul and Add that its docstring describes", () => {
  const bytes = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: [2, 4] }],
    outputs: [{ name: "y", dtype: "float32", dims: [2, 3] }],
    nodes: [
      { op: "MatMul", inputs: ["x", "weights"], outputs: ["product"] },
      { op: "Add", inputs: ["product", "bias"], outputs: ["y"] },
    ],
    constants: [
      { name: "weights", dtype: "float32", dims: [4, 3], data: Float32Array.from(PROBE_WEIGHTS) },
      { name: "bias", dtype: "float32", dims: [3], data: Float32Array.from(PROBE_BIAS) },
    ],
  });
  expect(PROBE_MODEL_BASE64).toBe(Buffer.from(bytes).toString("base64"));
});
