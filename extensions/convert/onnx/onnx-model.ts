import protobuf from "protobufjs";
import { messageOf, ShardmillError } from "../../../shared/core/errors.ts";

/**
 * Fields of an ONNX model that a conversion uses, decoded for changes in place. All other fields keep their
 * bytes, so nothing of a newer ONNX is lost. Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export interface OnnxModel {
  irVersion?: Whole;
  graph?: OnnxGraph;
  opsetImport: { readonly domain: string; readonly version: Whole }[];
  functions: OnnxFunction[];
  trainingInfo: Uint8Array[];
}

export interface OnnxGraph {
  node: OnnxNode[];
  initializer: OnnxTensor[];
  sparseInitializer: OnnxSparseTensor[];
  input: OnnxValue[];
  readonly output: OnnxValue[];
  valueInfo: OnnxValue[];
}

interface OnnxFunction {
  readonly node: OnnxNode[];
}

export interface OnnxNode {
  input: string[];
  output: string[];
  readonly name?: string;
  readonly opType: string;
  readonly domain: string;
  readonly attribute: OnnxAttribute[];
}

export interface OnnxAttribute {
  readonly name: string;
  /** Field below that has the value, by `ATTRIBUTE_TYPE`. */
  readonly type?: number;
  readonly f?: number;
  readonly i?: Whole;
  readonly t?: OnnxTensor;
  readonly g?: OnnxGraph;
  readonly tensors?: OnnxTensor[];
  readonly graphs?: OnnxGraph[];
  readonly sparseTensor?: OnnxSparseTensor;
  readonly sparseTensors?: OnnxSparseTensor[];
}

export interface OnnxTensor {
  name?: string;
  readonly dims: readonly Whole[];
  /** Type by `ELEMENT_TYPE`. */
  readonly dataType?: number;
  readonly floatData?: readonly number[];
  rawData?: Uint8Array;
  externalData?: { readonly key: string; readonly value: string }[];
  dataLocation?: number;
}

export interface OnnxSparseTensor {
  readonly values?: OnnxTensor;
  readonly indices?: OnnxTensor;
}

/** Value with its type, if that is a tensor type. */
interface OnnxValue {
  readonly name: string;
  readonly type?: { readonly tensorType?: { elemType?: number } };
}

/** 64-bit integer: decoded as an object, encoded from either form. */
type Whole = number | { toNumber(): number };

/** Values of TensorProto.DataType that a conversion distinguishes. */
export const ELEMENT_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;

/** Values of AttributeProto.AttributeType. */
export const ATTRIBUTE_TYPE = { float: 1, int: 2 } as const;

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });

const MESSAGES = {
  Model: {
    irVersion: field("int64", 1),
    graph: field("Graph", 7),
    opsetImport: list("Opset", 8),
    trainingInfo: list("bytes", 20),
    functions: list("Function", 25),
  },
  Opset: { domain: field("string", 1), version: field("int64", 2) },
  Function: { node: list("Node", 7) },
  Graph: {
    node: list("Node", 1),
    initializer: list("Tensor", 5),
    input: list("Value", 11),
    output: list("Value", 12),
    valueInfo: list("Value", 13),
    sparseInitializer: list("SparseTensor", 15),
  },
  Node: {
    input: list("string", 1),
    output: list("string", 2),
    name: field("string", 3),
    opType: field("string", 4),
    attribute: list("Attribute", 5),
    domain: field("string", 7),
  },
  Attribute: {
    name: field("string", 1),
    f: field("float", 2),
    i: field("int64", 3),
    t: field("Tensor", 5),
    g: field("Graph", 6),
    tensors: list("Tensor", 10),
    graphs: list("Graph", 11),
    type: field("int32", 20),
    sparseTensor: field("SparseTensor", 22),
    sparseTensors: list("SparseTensor", 23),
  },
  Tensor: {
    dims: list("int64", 1),
    dataType: field("int32", 2),
    floatData: { ...list("float", 4), options: { packed: true } },
    name: field("string", 8),
    rawData: field("bytes", 9),
    externalData: list("Entry", 13),
    dataLocation: field("int32", 14),
  },
  SparseTensor: { values: field("Tensor", 1), indices: field("Tensor", 2) },
  Entry: { key: field("string", 1), value: field("string", 2) },
  Value: { name: field("string", 1), type: field("Type", 2) },
  Type: { tensorType: field("TensorType", 1) },
  TensorType: { elemType: field("int32", 1) },
} as const;

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    // ONNX's schema is proto2, which distinguishes a default value from a missing field.
    Object.entries(MESSAGES).map(([name, fields]) => [name, { edition: "proto2", fields }]),
  ),
});
const modelType = root.lookupType("Model");

/**
 * Decodes a model file. Weights are views of `bytes`.
 *
 * @throws {MODEL_INVALID} when this is not an ONNX file, or has no graph
 */
export function decodeOnnxModel(bytes: Uint8Array): OnnxModel & { graph: OnnxGraph } {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  let model: OnnxModel;
  try {
    model = modelType.decode(reader) as unknown as OnnxModel;
  } catch (error) {
    throw notOnnx(messageOf(error), error);
  }
  const { graph } = model;
  if (graph === undefined || graph === null) throw notOnnx("it has no graph");
  return Object.assign(model, { graph });
}

export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  return modelType.encode(model as unknown as protobuf.Message).finish();
}

/** Returns the version of the model's standard operator set. */
export function opsetOf({ opsetImport }: OnnxModel): number {
  const own = opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  return own === undefined ? 1 : toNumber(own.version);
}

export function toNumber(whole: Whole): number {
  return typeof whole === "number" ? whole : whole.toNumber();
}

/** Returns the graphs inside a node: the branches of an If, the body of a Loop. */
export function innerGraphs({ attribute }: OnnxNode): OnnxGraph[] {
  return attribute.flatMap(({ g, graphs }) => [...(g ? [g] : []), ...(graphs ?? [])]);
}

/** Returns the graph and every graph inside it, outer ones first. */
export function* allGraphs(graph: OnnxGraph): Generator<OnnxGraph, void, undefined> {
  yield graph;
  for (const node of graph.node) for (const inner of innerGraphs(node)) yield* allGraphs(inner);
}

/** Returns true for a standard ONNX operator. */
export function isStandard({ domain }: OnnxNode): boolean {
  return domain === "" || domain === "ai.onnx";
}

function notOnnx(what: string, cause?: unknown): ShardmillError {
  return new ShardmillError(
    "MODEL_INVALID",
    `the model cannot be converted, because it is not a complete ONNX file: ${what}`,
    {
      hint: "check that this is an ONNX file and that it was copied whole",
      cause,
    },
  );
}
