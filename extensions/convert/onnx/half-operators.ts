/** Role of an ONNX operator in float16. */
export interface HalfOperator {
  /**
   * Effect on a float16 section. `start`: begins one, because it multiplies or reads weights. Weights decide
   * a model's speed and size. `follow`: joins a section that it reads from.
   */
  readonly role: "start" | "follow";
  /**
   * Indices of the inputs with the type of the output. Sizes, indices and conditions are excluded. Default:
   * all.
   */
  readonly inputs?: readonly number[];
  /**
   * Number of outputs that may be used. Further outputs have their own types, or need training. Default: one.
   */
  readonly outputs?: "any";
}

const follow: HalfOperator = { role: "follow" };
const first: HalfOperator = { role: "follow", inputs: [0] };

/**
 * Operators that run in float16, with their signatures. All others stay in float32, which is correct for any
 * operator. Source: https://onnx.ai/onnx/operators/
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

/** Operators that stay in float32 on purpose, with the reasons. */
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
 * Operators whose first output has the type of the first input. The output of `HALF_OPERATORS` has the type
 * of their first converted input.
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

/** Operators whose output always has one type, by the names of `ELEMENT_TYPE`. */
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
