import { classesOf, classNames, producerOf } from "./class-names.ts";
import {
  decodeOutputModel,
  encodeOutputModel,
  type OutputGraph,
  type OutputNode,
  type OutputValue,
  type TensorType,
} from "./output-graph.ts";

/** Model whose other outputs were replaced by tensors. */
export interface TakenTensors {
  readonly model: Uint8Array;
  /** Names of the classes that an output has scores for, in the order of the scores, by output. */
  readonly classes: ReadonlyMap<string, readonly string[]>;
}

interface Taken {
  readonly values: readonly OutputValue[];
  readonly nodes: readonly OutputNode[];
}

const FLOAT = 1;

/** Lowest version of ONNX's operators: all versions have `Identity` in its present form. */
const IDENTITY_VERSION = 1;

/**
 * Replaces outputs that ONNX Runtime for Node cannot return with the tensors that lead to them:
 *
 * - a `ZipMap`, which makes a map of each row's scores: the scores, under the same name
 * - a sequence built from tensors: each tensor, as `<name>_0`, `<name>_1`, ...
 * - a sequence that a tensor is split into: that tensor, under the same name
 *
 * The rest of the model stays unchanged. Null: no output can be replaced.
 *
 * @throws when the bytes are no ONNX file
 */
export function takeTensors(bytes: Uint8Array): TakenTensors | null {
  const model = decodeOutputModel(bytes);
  const { graph } = model;
  if (graph === undefined || graph === null) return null;
  const classes = new Map<string, readonly string[]>();
  const taken = graph.output.map((output) => takeOutput(output, graph, classes));
  if (taken.every((one) => one === null)) return null;
  const replaced = new Set(graph.output.filter((_, at) => taken[at] !== null).map(({ name }) => name));
  moveConstants(graph, replaced);
  for (const one of taken) if (one !== null) graph.node.push(...one.nodes);
  graph.output = graph.output.flatMap((output, at) => taken[at]?.values ?? [output]);
  if (!model.opsetImport.some(({ domain }) => domain === "" || domain === "ai.onnx"))
    model.opsetImport.push({ domain: "", version: IDENTITY_VERSION });
  return { model: encodeOutputModel(model), classes };
}

/** Removes nodes that make only these outputs. Renames an output that other nodes use. */
function moveConstants(graph: OutputGraph, replaced: ReadonlySet<string>): void {
  const used = new Set(graph.node.flatMap(({ input }) => input));
  const isRemoved = ({ output }: OutputNode) => output.every((name) => replaced.has(name) && !used.has(name));
  const renamed = (name: string) => (replaced.has(name) ? `${name}:whole` : name);
  graph.node = graph.node
    .filter((node) => !isRemoved(node))
    .map((node) => ({ ...node, input: node.input.map(renamed), output: node.output.map(renamed) }));
}

/** Replaces one output. Null: it is a tensor, or no tensor leads to it. */
function takeOutput(
  { name, type }: OutputValue,
  graph: OutputGraph,
  classes: Map<string, readonly string[]>,
): Taken | null {
  if (type?.tensorType !== undefined && type.tensorType !== null) return null;
  const node = makerOf(name, graph);
  const [input] = node?.input ?? [];
  if (node === null || input === undefined) return null;
  if (node.opType === "ZipMap") {
    const names = classNames(node);
    if (names === null) return null;
    classes.set(name, names);
    return passed([[input, name, scores(names.length)]]);
  }
  const element = type?.sequenceType?.elemType?.tensorType;
  if (element === undefined || element === null) return null;
  if (node.opType === "SplitToSequence") return passed([[input, name, { elemType: element.elemType }]]);
  const parts = partsOf(node, graph);
  if (parts === null) return null;
  return passed(
    parts.map((part, at) => {
      const names = classesOf(part, graph);
      if (names !== null) classes.set(`${name}_${at}`, names);
      return [part, `${name}_${at}`, names === null ? element : scores(names.length)] as const;
    }),
  );
}

/** Finds the node that makes a value, through nodes that only pass it on. */
function makerOf(name: string, graph: OutputGraph): OutputNode | null {
  const node = producerOf(name, graph);
  const [input] = node?.input ?? [];
  return node?.opType === "Identity" && input !== undefined ? makerOf(input, graph) : node;
}

/** Lists the tensors of a sequence, in order. Null: their number is not fixed. */
function partsOf(node: OutputNode, graph: OutputGraph): readonly string[] | null {
  if (node.opType === "SequenceEmpty") return [];
  if (node.opType === "SequenceConstruct") return node.input;
  const [sequence, part, place] = node.input;
  if (node.opType !== "SequenceInsert" || sequence === undefined || part === undefined) return null;
  if (place !== undefined && place !== "") return null;
  const before = makerOf(sequence, graph);
  const parts = before === null ? null : partsOf(before, graph);
  return parts === null ? null : [...parts, part];
}

/** Returns the type of a score for each class of each row. */
function scores(count: number): TensorType {
  return { elemType: FLOAT, shape: { dim: [{}, { dimValue: count }] } };
}

function passed(pairs: readonly (readonly [from: string, to: string, type: TensorType])[]): Taken {
  return {
    values: pairs.map(([, name, tensorType]) => ({ name, type: { tensorType } })),
    nodes: pairs.map(([from, to]) => ({
      input: [from],
      output: [to],
      name: `${to}:taken`,
      opType: "Identity",
      domain: "",
      attribute: [],
    })),
  };
}
