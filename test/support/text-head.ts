import { lcg, onnxModel } from "./onnx-model.ts";

/** Number of ids, which the tokenizers in `tokenizers` share, and number of types, which is BERT's. */
const VOCABULARY = 900;
const TYPES = 2;

/** Returns eighths of small integers, whose sums are exact in float32. */
function table(rows: number, width: number, seed: number): Float32Array {
  const random = lcg(seed);
  return Float32Array.from({ length: rows * width }, () => (Math.floor(random() * 30) - 15) / 8);
}

/**
 * Builds a classifier of texts: `input_ids`, `attention_mask` and `token_type_ids` int64 [batch, sequence] ->
 * `logits` float32 [batch, classes]. Each logit is the sum of what a row's tokens and their types count for
 * the class. `ofTokens`: the logits of each token instead, as [batch, sequence, classes].
 */
export function textHeadModel(classes: number, { ofTokens = false } = {}): Uint8Array {
  const dims = ["batch", "sequence"];
  return onnxModel({
    inputs: ["input_ids", "attention_mask", "token_type_ids"].map((name) => ({ name, dtype: "int64", dims })),
    outputs: [
      {
        name: "logits",
        dtype: "float32",
        dims: ofTokens ? ["batch", "sequence", classes] : ["batch", classes],
      },
    ],
    constants: [
      {
        name: "words",
        dtype: "float32",
        dims: [VOCABULARY, classes],
        data: table(VOCABULARY, classes, 3),
      },
      { name: "kinds", dtype: "float32", dims: [TYPES, classes], data: table(TYPES, classes, 5) },
      { name: "axis1", dtype: "int64", dims: [1], data: BigInt64Array.of(1n) },
      { name: "axis2", dtype: "int64", dims: [1], data: BigInt64Array.of(2n) },
    ],
    nodes: [
      { op: "Gather", inputs: ["words", "input_ids"], outputs: ["word"] },
      { op: "Gather", inputs: ["kinds", "token_type_ids"], outputs: ["kind"] },
      { op: "Add", inputs: ["word", "kind"], outputs: ["token"] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: 1 } },
      { op: "Unsqueeze", inputs: ["mask", "axis2"], outputs: ["wide"] },
      { op: "Mul", inputs: ["token", "wide"], outputs: [ofTokens ? "logits" : "own"] },
      ...(ofTokens
        ? []
        : [
            {
              op: "ReduceSum",
              inputs: ["own", "axis1"],
              outputs: ["logits"],
              attributes: { keepdims: 0 },
            },
          ]),
    ],
  });
}

/** Computes the logits of a text or a pair independently. Default: all tokens have the first type. */
export function textLogits(classes: number, ids: readonly number[], types: readonly number[] = []): number[] {
  const [words, kinds] = [table(VOCABULARY, classes, 3), table(TYPES, classes, 5)];
  return Array.from({ length: classes }, (_, at) =>
    ids.reduce(
      (sum, id, place) =>
        sum + (words[id * classes + at] ?? 0) + (kinds[(types[place] ?? 0) * classes + at] ?? 0),
      0,
    ),
  );
}
