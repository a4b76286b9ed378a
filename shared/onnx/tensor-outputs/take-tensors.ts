import { classesOf, classNames, producerOf } from "./class-names.ts";
import {
  decodeOutputModel,
  encodeOutputModel,
  type OutputGraph,
  type OutputNode,
  type OutputValue,
  type TensorType,
} from "./output-graph.ts";

/** A model whose outputs are tensors, where they were none. */
export interface TakenTensors {
  readonly model: Uint8Array;
  /** By output, the names of the classes that it has a score for each of, in the order of the scores. */
  readonly classes: ReadonlyMap<string, readonly string[]>;
}

interface Taken {
  readonly values: readonly OutputValue[];
  readonly nodes: readonly OutputNode[];
}

const FLOAT = 1;

/** The first version of ONNX's own operators in which all have their present form of `Identity`. */
const IDENTITY_VERSION = 1;

/**
 * A model with the tensors that lie before outputs which ONNX Runtime for Node cannot hand over:
 *
 * - of a `ZipMap`, which makes a map of each row's scores, the scores: an output of the same name;
 * - of a sequence that is put together of tensors, each of them: `<name>_0`, `<name>_1`, ...
 * - of a sequence that a tensor is split into, that tensor: an output of the same name.
 *
 * Nothing else of it changes. Null where no output is such.
 *
 * @throws when this is no ONNX file
 */
export function takeTensors(bytes: Uint8Array): TakenTensors | null {
  const model = decodeOutputModel(bytes);
  const { graph } = model;
  if (graph === undefined || graph === null) return null;
  const classes = new Map<string, readonly string[]>();
  const taken = graph.output.map((output) => takeOutput(output, graph, classes));
  if (taken.every((one) => one === null)) return null;
  const replaced = new Set(graph.output.filter((_, at) => taken[at] !== null).map(({ name }) => name));
  setAside(graph, replaced);
  for (const one of taken) if (one !== null) graph.node.push(...one.nodes);
  graph.output = graph.output.flatMap((output, at) => taken[at]?.values ?? [output]);
  if (!model.opsetImport.some(({ domain }) => domain === "" || domain === "ai.onnx"))
    model.opsetImport.push({ domain: "", version: IDENTITY_VERSION });
  return { model: encodeOutputModel(model), classes };
}

/** Nodes that make nothing but these outputs go; where other nodes look at one, it gets another name. */
function setAside(graph: OutputGraph, replaced: ReadonlySet<string>): void {
  const used = new Set(graph.node.flatMap(({ input }) => input));
  const isGone = ({ output }: OutputNode) => output.every((name) => replaced.has(name) && !used.has(name));
  const renamed = (name: string) => (replaced.has(name) ? `${name}:whole` : name);
  graph.node = graph.node
    .filter((node) => !isGone(node))
    .map((node) => ({ ...node, input: node.input.map(renamed), output: node.output.map(renamed) }));
}

/** Null where an output is a tensor, or has none before it. */
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

/** What makes a value, if that is only passed on by the nodes between. */
function makerOf(name: string, graph: OutputGraph): OutputNode | null {
  const node = producerOf(name, graph);
  const [input] = node?.input ?? [];
  return node?.opType === "Identity" && input !== undefined ? makerOf(input, graph) : node;
}

/** The tensors that a sequence is put together of, in order; null where their number is not fixed. */
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

/** A score for each class of each row. */
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
