import onnxProto from "onnx-proto";
import { type Dim, DTYPE_ARRAYS, type Dtype, type DtypeArray, product } from "../../shared/domain/tensor.ts";

/** Small real ONNX models for tests, as the bytes of a `.onnx` file. */

const { onnx } = onnxProto;
type IGraphProto = onnxProto.onnx.IGraphProto;
type IAttributeProto = onnxProto.onnx.IAttributeProto;

/** ONNX's numbers for element types (onnx.proto, TensorProto.DataType). */
const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const satisfies Record<Dtype | "string" | "bfloat16", number>;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** A value of a graph. `sequence`: a sequence of tensors, which is not a tensor itself. */
export interface ValueSpec {
  readonly name: string;
  readonly dtype: ElementType;
  readonly dims: readonly Dim[];
  readonly sequence?: boolean;
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes. Integers become INT, strings STRING, and arrays INTS. The others state their type. */
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** Domain of the operator. Default: ONNX's own. */
  readonly domain?: string;
}

export type AttributeSpec =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: ConstantSpec }
  | { readonly graph: Omit<ModelSpec, "opset"> };

export interface ConstantSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly data: DtypeArray;
  /** File beside the model that has the data. The caller writes it, or does not. Default: in the model. */
  readonly external?: string;
}

export interface ModelSpec {
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly nodes: readonly NodeSpec[];
  readonly constants?: readonly ConstantSpec[];
  /** ONNX operator set. Default: 13. */
  readonly opset?: number;
}

/** Encodes a model from its graph. */
export function onnxModel(spec: ModelSpec): Uint8Array {
  const model = onnx.ModelProto.create({
    irVersion: 8,
    producerName: "shardmill-test",
    opsetImport: [{ domain: "", version: spec.opset ?? 13 }],
    graph: graphOf(spec),
  });
  return onnx.ModelProto.encode(model).finish();
}

function graphOf(spec: Omit<ModelSpec, "opset">): IGraphProto {
  return {
    name: "graph",
    input: spec.inputs.map(valueInfo),
    output: spec.outputs.map(valueInfo),
    initializer: (spec.constants ?? []).map(constant),
    node: spec.nodes.map((node, index) => ({
      name: `${node.op}_${index}`,
      opType: node.op,
      ...(node.domain === undefined ? {} : { domain: node.domain }),
      input: [...node.inputs],
      output: [...node.outputs],
      attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
    })),
  };
}

export interface MlpSpec {
  readonly inputs: number;
  /** Width of each hidden layer. A number is one layer. Relu follows each. */
  readonly hidden: number | readonly number[];
  readonly outputs: number;
  /** Seed of the weights: the same seed gives the same model. */
  readonly seed?: number;
  /** Batch dimension: a fixed number, or a name. Default: `batch`. */
  readonly batch?: Dim;
}

/**
 * Builds a perceptron: `input` float32 [batch, inputs] -> (MatMul, Add, Relu)* -> MatMul, Add -> `logits`
 * float32 [batch, outputs].
 */
export function mlpModel(spec: MlpSpec): Uint8Array {
  const batch = spec.batch ?? "batch";
  const layers = mlpLayers(spec);
  const nodes = layers.flatMap((_layer, index): NodeSpec[] => {
    const last = index === layers.length - 1;
    const input = index === 0 ? "input" : `hidden${index - 1}`;
    const sum = last ? "logits" : `sum${index}`;
    const steps: NodeSpec[] = [
      { op: "MatMul", inputs: [input, `weight${index}`], outputs: [`product${index}`] },
      { op: "Add", inputs: [`product${index}`, `bias${index}`], outputs: [sum] },
    ];
    return last ? steps : [...steps, { op: "Relu", inputs: [sum], outputs: [`hidden${index}`] }];
  });
  return onnxModel({
    inputs: [{ name: "input", dtype: "float32", dims: [batch, spec.inputs] }],
    outputs: [{ name: "logits", dtype: "float32", dims: [batch, spec.outputs] }],
    nodes,
    constants: layers.flatMap(({ rows, columns, weight, bias }, index): ConstantSpec[] => [
      { name: `weight${index}`, dtype: "float32", dims: [rows, columns], data: weight },
      { name: `bias${index}`, dtype: "float32", dims: [columns], data: bias },
    ]),
  });
}

/** Computes the answer of `mlpModel(spec)` for `rows` rows in `input`, in plain float64 JavaScript. */
export function mlpReference(spec: MlpSpec, input: Float32Array, rows: number): Float64Array {
  const layers = mlpLayers(spec);
  let current = Float64Array.from(input);
  for (const [index, { rows: inner, columns, weight, bias }] of layers.entries()) {
    const next = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        let sum = bias[column] ?? 0;
        for (let k = 0; k < inner; k += 1) {
          sum += (current[row * inner + k] ?? 0) * (weight[k * columns + column] ?? 0);
        }
        next[row * columns + column] = index < layers.length - 1 ? Math.max(0, sum) : sum;
      }
    }
    current = next;
  }
  return current;
}

/** Builds `pixel_values` float32 [batch, 3, height, width] -> `means` float32 [batch, 3], of each channel. */
export function channelMeansModel(height: Dim = "height", width: Dim = "width"): Uint8Array {
  const mean = { axes: [2, 3], keepdims: 0 };
  return onnxModel({
    inputs: [{ name: "pixel_values", dtype: "float32", dims: ["batch", 3, height, width] }],
    outputs: [{ name: "means", dtype: "float32", dims: ["batch", 3] }],
    nodes: [{ op: "ReduceMean", inputs: ["pixel_values"], outputs: ["means"], attributes: mean }],
  });
}

/** Builds `samples` float32 [batch, samples] -> `peak` float32 [batch], the largest sample of each row. */
export function peakModel(samples: Dim = "samples"): Uint8Array {
  const largest = { axes: [1], keepdims: 0 };
  return onnxModel({
    inputs: [{ name: "samples", dtype: "float32", dims: ["batch", samples] }],
    outputs: [{ name: "peak", dtype: "float32", dims: ["batch"] }],
    nodes: [{ op: "ReduceMax", inputs: ["samples"], outputs: ["peak"], attributes: largest }],
  });
}

/** Builds `x` -> Identity -> `y`, for any dtype. `dims` with the batch first: `["batch", 3]`. */
export function identityModel(spec: { dtype: ElementType; dims: readonly Dim[] }): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", ...spec }],
    outputs: [{ name: "y", ...spec }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
  });
}

/** Returns a model with metadata, as exporters add them. */
export function withMetadata(model: Uint8Array, metadata: Readonly<Record<string, string>>): Uint8Array {
  const proto = onnx.ModelProto.decode(model);
  proto.metadataProps = Object.entries(metadata).map(([key, value]) =>
    onnx.StringStringEntryProto.create({ key, value }),
  );
  return onnx.ModelProto.encode(proto).finish();
}

/**
 * Builds `index` [batch] -> `value` float32 [batch]: the `index`-th of `table` (default: 10, 20, 30).
 * `session.run` fails when any index of the batch is negative or not below the table's length.
 */
export function gatherModel(
  spec: { table?: readonly number[]; dtype?: "int64" | "int32" | "float32" } = {},
): Uint8Array {
  const table = spec.table ?? [10, 20, 30];
  return onnxModel({
    inputs: [{ name: "index", dtype: spec.dtype ?? "int64", dims: ["batch"] }],
    outputs: [{ name: "value", dtype: "float32", dims: ["batch"] }],
    constants: [
      { name: "table", dtype: "float32", dims: [table.length], data: Float32Array.from(table) },
      { name: "zero", dtype: "int64", dims: [], data: BigInt64Array.of(0n) },
      { name: "end", dtype: "int64", dims: [], data: BigInt64Array.of(BigInt(table.length)) },
    ],
    nodes: [
      { op: "Cast", inputs: ["index"], outputs: ["whole"], attributes: { to: ELEMENT_TYPES.int64 } },
      // ONNX counts negative indices from the end. Here they must fail, too.
      { op: "Less", inputs: ["whole", "zero"], outputs: ["negative"] },
      { op: "Where", inputs: ["negative", "end", "whole"], outputs: ["checked"] },
      { op: "Gather", inputs: ["table", "checked"], outputs: ["value"] },
    ],
  });
}

/**
 * Returns a generator of numbers in [0, 1) that depend only on the seed (Numerical Recipes' linear
 * congruential one).
 */
export function lcg(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface MlpLayer {
  readonly rows: number;
  readonly columns: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

function mlpLayers(spec: MlpSpec): MlpLayer[] {
  const random = lcg(spec.seed ?? 1);
  const hidden = typeof spec.hidden === "number" ? [spec.hidden] : spec.hidden;
  const widths = [spec.inputs, ...hidden, spec.outputs];
  return widths.slice(1).map((columns, index) => {
    const rows = widths[index] ?? 0;
    // Scaled by fan-in, so that values keep their magnitude at any depth.
    const scale = 2 / Math.sqrt(rows);
    return {
      rows,
      columns,
      weight: Float32Array.from({ length: rows * columns }, () => (random() - 0.5) * scale),
      bias: Float32Array.from({ length: columns }, () => random() - 0.5),
    };
  });
}

function valueInfo({ name, dtype, dims, sequence }: ValueSpec) {
  const tensorType = {
    elemType: ELEMENT_TYPES[dtype],
    shape: { dim: dims.map((dim) => (typeof dim === "number" ? { dimValue: dim } : { dimParam: dim })) },
  };
  return { name, type: sequence ? { sequenceType: { elemType: { tensorType } } } : { tensorType } };
}

function constant({ name, dtype, dims, data, external }: ConstantSpec) {
  if (data.length !== product(dims) || !(data instanceof DTYPE_ARRAYS[dtype])) {
    throw new Error(`broken invariant: constant ${name} has data of another shape or type`);
  }
  const common = { name, dataType: ELEMENT_TYPES[dtype], dims: [...dims] };
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return external === undefined
    ? { ...common, rawData: bytes }
    : { ...common, dataLocation: 1, externalData: [{ key: "location", value: external }] };
}

function attribute(name: string, value: AttributeSpec): IAttributeProto {
  const { FLOAT, GRAPH, INT, INTS, STRING, TENSOR } = onnx.AttributeProto.AttributeType;
  if (typeof value === "number") return { name, type: INT, i: value };
  if (typeof value === "string") return { name, type: STRING, s: new TextEncoder().encode(value) };
  if ("float" in value) return { name, type: FLOAT, f: value.float };
  if ("tensor" in value) return { name, type: TENSOR, t: constant(value.tensor) };
  if ("graph" in value) return { name, type: GRAPH, g: graphOf(value.graph) };
  return { name, type: INTS, ints: [...value] };
}
