/** How an operator of ONNX takes part in float16. */
export interface HalfOperator {
  /**
   * `start`: begins a stretch of float16, because it multiplies weights or reads them: what makes a model
   * fast or small. `follow`: joins the stretch when something it reads is in it.
   */
  readonly role: "start" | "follow";
  /**
   * Which inputs have the type of the output; left out: all. Sizes, indices and conditions are not among
   * them.
   */
  readonly inputs?: readonly number[];
  /**
   * Outputs that may be used: one unless said otherwise (others have types of their own, or need training).
   */
  readonly outputs?: "any";
}

const follow: HalfOperator = { role: "follow" };
const first: HalfOperator = { role: "follow", inputs: [0] };

/**
 * The operators that run in float16, with the signatures of their sources: https://onnx.ai/onnx/operators/
 * What is not here stays in float32: correct for any operator, whoever made it.
 */
export const HALF_OPERATORS: Readonly<Record<string, HalfOperator>> = {
  MatMul: { role: "start" },
  Gemm: { role: "start" },
  Conv: { role: "start" },
  ConvTranspose: { role: "start" },
  Gather: { role: "start", inputs: [0] },

  Add: follow,
  Sub: follow,
  Mul: follow,
  Div: follow,
  Neg: follow,
  Abs: follow,
  Sum: follow,
  Max: follow,
  Min: follow,
  Clip: follow,
  Relu: follow,
  LeakyRelu: follow,
  PRelu: follow,
  Elu: follow,
  HardSigmoid: follow,
  HardSwish: follow,
  Sigmoid: follow,
  Tanh: follow,
  Erf: follow,
  Gelu: follow,
  Softmax: follow,
  LogSoftmax: follow,
  LayerNormalization: follow,
  BatchNormalization: follow,
  InstanceNormalization: follow,
  MaxPool: follow,
  AveragePool: follow,
  GlobalAveragePool: follow,
  GlobalMaxPool: follow,

  Identity: follow,
  Concat: follow,
  Reshape: first,
  Flatten: first,
  Transpose: first,
  Squeeze: first,
  Unsqueeze: first,
  Slice: first,
  Expand: first,
  Tile: first,
  Split: { role: "follow", inputs: [0], outputs: "any" },
  Pad: { role: "follow", inputs: [0, 2] },
  Where: { role: "follow", inputs: [1, 2] },
  DepthToSpace: first,
  SpaceToDepth: first,
};

/** Operators that stay in float32 on purpose, and why. */
export const FLOAT_OPERATORS: Readonly<Record<string, string>> = {
  ...reason("its squares and sums leave float16's range", [
    "Pow",
    "ReduceSum",
    "ReduceMean",
    "ReduceSumSquare",
    "ReduceL1",
    "ReduceL2",
    "ReduceProd",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "CumSum",
    "LpNormalization",
    "LpPool",
    "MeanVarianceNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "LRN",
    "Einsum",
  ]),
  ...reason("its results leave float16's range, or lose all their digits near zero", [
    "Exp",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Softplus",
    "Sinh",
    "Cosh",
    "Tan",
  ]),
  ...reason("its sizes, steps or boxes need float32", [
    "Resize",
    "Upsample",
    "NonMaxSuppression",
    "RoiAlign",
    "GridSample",
    "Range",
    "MaxRoiPool",
  ]),
  ...reason("its scales belong to a quantised model", [
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearMatMul",
    "QLinearConv",
  ]),
  ...reason("runtimes run it in float32 only", ["LSTM", "GRU", "RNN"]),
};

function reason(why: string, operators: readonly string[]): Record<string, string> {
  return Object.fromEntries(operators.map((operator) => [operator, why]));
}

/**
 * Where the type of an operator's first output comes from: its first input for those named here, as for
 * `HALF_OPERATORS`, whose first input of the kind has it.
 */
export const KEEPS_TYPE: ReadonlySet<string> = new Set([
  ...Object.keys(FLOAT_OPERATORS).filter((operator) => !/Quantize|QLinear|NonMax|Range/.test(operator)),
  "Sin",
  "Cos",
  "Floor",
  "Ceil",
  "Round",
  "Sign",
  "Dropout",
  "TopK",
  "ReduceMax",
  "ReduceMin",
  "ScatterND",
  "ScatterElements",
  "GatherElements",
  "GatherND",
  "Selu",
  "Celu",
  "Mish",
  "Swish",
  "Softsign",
  "Mod",
  "Mean",
]);

/** Operators whose output is of one type always, by ELEMENT_TYPE's names. */
export const FIXED_TYPE: Readonly<Record<string, "int64" | "bool">> = {
  Shape: "int64",
  Size: "int64",
  ArgMax: "int64",
  ArgMin: "int64",
  NonZero: "int64",
  NonMaxSuppression: "int64",
  Equal: "bool",
  Less: "bool",
  LessOrEqual: "bool",
  Greater: "bool",
  GreaterOrEqual: "bool",
  And: "bool",
  Or: "bool",
  Xor: "bool",
  Not: "bool",
  IsNaN: "bool",
  IsInf: "bool",
};
