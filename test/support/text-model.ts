import { lcg, onnxModel } from "./onnx-model.ts";

/** Number of ids, which the tokenizers in `tokenizers` share, and number of types, which is BERT's. */
const VOCABULARY = 900;
const TYPES = 2;
const WIDTH = 4;

/** Returns eighths of small integers, whose sums are exact in float32. */
function table(rows: number, seed: number): Float32Array {
  const random = lcg(seed);
  return Float32Array.from({ length: rows * WIDTH }, () => (1 + Math.floor(random() * 30)) / 8 - 2.0625);
}

/**
 * Builds a text encoder with pooled embeddings. Inputs: `input_ids`, `attention_mask` and `token_type_ids`
 * int64 [batch, sequence]. Outputs: `pooled` float32 [batch, 4], the mean over a row's own positions of the
 * embeddings of its tokens and their types. Also `seen` int64 [batch, sequence], which are the ids, and the
 * embeddings, float32 [batch, sequence, 4].
 *
 * @param embedded name of the embeddings
 */
export function textModel(embedded = "embedded"): Uint8Array {
  return onnxModel({
    inputs: ["input_ids", "attention_mask", "token_type_ids"].map((name) => ({
      name,
      dtype: "int64",
      dims: ["batch", "sequence"],
    })),
    outputs: [
      { name: "pooled", dtype: "float32", dims: ["batch", WIDTH] },
      { name: "seen", dtype: "int64", dims: ["batch", "sequence"] },
      { name: embedded, dtype: "float32", dims: ["batch", "sequence", WIDTH] },
    ],
    constants: [
      { name: "words", dtype: "float32", dims: [VOCABULARY, WIDTH], data: table(VOCABULARY, 3) },
      { name: "kinds", dtype: "float32", dims: [TYPES, WIDTH], data: table(TYPES, 5) },
      { name: "axis1", dtype: "int64", dims: [1], data: BigInt64Array.of(1n) },
      { name: "axis2", dtype: "int64", dims: [1], data: BigInt64Array.of(2n) },
    ],
    nodes: [
      { op: "Gather", inputs: ["words", "input_ids"], outputs: ["word"] },
      { op: "Gather", inputs: ["kinds", "token_type_ids"], outputs: ["kind"] },
      { op: "Add", inputs: ["word", "kind"], outputs: [embedded] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: 1 } },
      { op: "Unsqueeze", inputs: ["mask", "axis2"], outputs: ["wide"] },
      { op: "Mul", inputs: [embedded, "wide"], outputs: ["masked"] },
      { op: "ReduceSum", inputs: ["masked", "axis1"], outputs: ["sum"], attributes: { keepdims: 0 } },
      { op: "ReduceSum", inputs: ["mask", "axis1"], outputs: ["count"], attributes: { keepdims: 1 } },
      { op: "Div", inputs: ["sum", "count"], outputs: ["pooled"] },
      { op: "Identity", inputs: ["input_ids"], outputs: ["seen"] },
    ],
  });
}

/** Computes the answer for one row independently. */
export function textPooled(ids: readonly number[], types: readonly number[]): readonly number[] {
  const [words, kinds] = [table(VOCABULARY, 3), table(TYPES, 5)];
  return Array.from({ length: WIDTH }, (_, at) => {
    const values = ids.map(
      (id, place) => (words[id * WIDTH + at] ?? 0) + (kinds[(types[place] ?? 0) * WIDTH + at] ?? 0),
    );
    return Math.fround(values.reduce((total, value) => total + value, 0) / ids.length);
  });
}

/** Computes the embeddings of a row's tokens, all of the first type. */
export function textEmbedded(ids: readonly number[]): readonly (readonly number[])[] {
  return ids.map((id) => textPooled([id], [0]));
}
