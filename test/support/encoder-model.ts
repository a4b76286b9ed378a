import { lcg, onnxModel } from "./onnx-model.ts";

const VOCABULARY = 40;
export const HIDDEN = 20;
export const CLASSES = 6;

/** Returns inexact values on both sides of zero. */
function values(count: number, seed: number): Float32Array {
  const random = lcg(seed);
  return Float32Array.from({ length: count }, () => 4 * random() - 2.2);
}

const TABLE = values(VOCABULARY * HIDDEN, 5);
const WEIGHTS = values(HIDDEN * CLASSES, 6);

/**
 * Builds an encoder of text, as they are exported. Inputs: `input_ids`, `attention_mask` int64 [batch,
 * sequence]. Outputs: `last_hidden_state` float32 [batch, sequence, 20], its mean over a row's own positions
 * as `sentence_embedding` [batch, 20], and `logits` [batch, 6]. Padding has values like any id's.
 */
export function encoderModel(): Uint8Array {
  return onnxModel({
    inputs: ["input_ids", "attention_mask"].map((name) => ({
      name,
      dtype: "int64",
      dims: ["batch", "sequence"],
    })),
    outputs: [
      { name: "last_hidden_state", dtype: "float32", dims: ["batch", "sequence", HIDDEN] },
      { name: "sentence_embedding", dtype: "float32", dims: ["batch", HIDDEN] },
      { name: "logits", dtype: "float32", dims: ["batch", CLASSES] },
    ],
    constants: [
      { name: "table", dtype: "float32", dims: [VOCABULARY, HIDDEN], data: TABLE },
      { name: "weights", dtype: "float32", dims: [HIDDEN, CLASSES], data: WEIGHTS },
      { name: "axis1", dtype: "int64", dims: [1], data: BigInt64Array.of(1n) },
      { name: "axis2", dtype: "int64", dims: [1], data: BigInt64Array.of(2n) },
    ],
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["last_hidden_state"] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: 1 } },
      { op: "Unsqueeze", inputs: ["mask", "axis2"], outputs: ["wide"] },
      { op: "Mul", inputs: ["last_hidden_state", "wide"], outputs: ["masked"] },
      { op: "ReduceSum", inputs: ["masked", "axis1"], outputs: ["sum"], attributes: { keepdims: 0 } },
      { op: "ReduceSum", inputs: ["mask", "axis1"], outputs: ["count"], attributes: { keepdims: 1 } },
      { op: "Div", inputs: ["sum", "count"], outputs: ["sentence_embedding"] },
      { op: "MatMul", inputs: ["sentence_embedding", "weights"], outputs: ["logits"] },
    ],
  });
}

/** Computes the logits of a row in float64. */
export function logitsOf(ids: readonly number[]): number[] {
  const states = hiddenStates(ids);
  return Array.from({ length: CLASSES }, (_, at) =>
    Array.from({ length: HIDDEN }, (__, index) => {
      const mean = states.reduce((sum, state) => sum + (state[index] ?? 0), 0) / ids.length;
      return mean * (WEIGHTS[index * CLASSES + at] ?? 0);
    }).reduce((sum, part) => sum + part, 0),
  );
}

/** Computes the hidden states of a row independently of the model, position by position. */
export function hiddenStates(ids: readonly number[]): number[][] {
  return ids.map((id) => [...TABLE.subarray(id * HIDDEN, (id + 1) * HIDDEN)]);
}
