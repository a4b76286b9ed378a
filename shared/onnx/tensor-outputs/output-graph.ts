import protobuf from "protobufjs";

/**
 * Parts of an ONNX file that define its outputs. All other parts, such as weights and tree attributes, stay
 * as their bytes. Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
interface OutputModel {
  readonly opsetImport: { domain: string; version: number }[];
  readonly graph?: OutputGraph | null;
}

export interface OutputGraph {
  node: OutputNode[];
  output: OutputValue[];
}

export interface OutputNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType: string;
  readonly domain: string;
  /** Attributes as bytes: those of a large ensemble are most of the file. */
  readonly attribute: readonly Uint8Array[];
}

export interface OutputValue {
  readonly name: string;
  readonly type?: ValueType | null;
}

/** Type of a value: a tensor, a sequence, or another kind, which has neither field. */
interface ValueType {
  readonly tensorType?: TensorType | null;
  readonly sequenceType?: { readonly elemType?: ValueType | null } | null;
}

export interface TensorType {
  readonly elemType: number;
  readonly shape?: { readonly dim: readonly { readonly dimValue?: number; readonly dimParam?: string }[] };
}

interface Attribute {
  readonly name: string;
  readonly i?: { toString(): string };
  readonly ints: readonly { toString(): string }[];
  readonly strings: readonly Uint8Array[];
}

const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });

const MESSAGES = {
  Model: { graph: field("Graph", 7), opsetImport: list("Opset", 8) },
  Opset: { domain: field("string", 1), version: field("int64", 2) },
  Graph: { node: list("Node", 1), output: list("Value", 12) },
  Node: {
    input: list("string", 1),
    output: list("string", 2),
    name: field("string", 3),
    opType: field("string", 4),
    attribute: list("bytes", 5),
    domain: field("string", 7),
  },
  Attribute: {
    name: field("string", 1),
    i: field("int64", 3),
    ints: list("int64", 8),
    strings: list("bytes", 9),
  },
  Value: { name: field("string", 1), type: field("Type", 2) },
  Type: { tensorType: field("TensorType", 1), sequenceType: field("SequenceType", 4) },
  SequenceType: { elemType: field("Type", 1) },
  TensorType: { elemType: field("int32", 1), shape: field("Shape", 2) },
  Shape: { dim: list("Dim", 1) },
  Dim: { dimValue: field("int64", 1), dimParam: field("string", 2) },
} as const;

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(MESSAGES).map(([name, fields]) => [name, { edition: "proto2", fields }]),
  ),
});
const modelType = root.lookupType("Model");
const attributeType = root.lookupType("Attribute");

/** @throws when the bytes are no ONNX file */
export function decodeOutputModel(bytes: Uint8Array): OutputModel {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return modelType.decode(reader) as unknown as OutputModel;
}

export function encodeOutputModel(model: OutputModel): Uint8Array {
  return modelType.encode(model as unknown as protobuf.Message).finish();
}

export function attributesOf({ attribute }: OutputNode): ReadonlyMap<string, Attribute> {
  const all = attribute.map((bytes) => attributeType.decode(bytes) as unknown as Attribute);
  return new Map(all.map((one) => [one.name, one]));
}
