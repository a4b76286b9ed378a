import { decodeUtf8 } from "../../core/utf8.ts";
import { attributesOf, type OutputGraph, type OutputNode } from "./output-graph.ts";

/** Attributes in which ONNX's classifiers keep class names: texts or whole numbers. */
const NAME_KEYS = ["classlabels_strings", "classlabels_int64s", "classlabels_ints"];

/** Operators that pass on the values, or the classes, of their only input. */
const PASSING: readonly string[] = ["Identity", "Normalizer", "Softmax"];

/** Operators whose second output has a score for each class. */
const CLASSIFIERS: readonly string[] = ["LinearClassifier", "TreeEnsembleClassifier", "SVMClassifier"];

/** Returns the names of a node's classes, in the order of their scores. Null: none. */
export function classNames(node: OutputNode): readonly string[] | null {
  const attributes = attributesOf(node);
  for (const key of NAME_KEYS) {
    const attribute = attributes.get(key);
    if (attribute === undefined) continue;
    const names = [...attribute.strings.map(decodeUtf8), ...attribute.ints.map(String)];
    if (names.length > 0) return names;
  }
  return null;
}

/** Returns the names of the classes that a tensor scores. Null: the graph does not define them. */
export function classesOf(name: string, graph: OutputGraph): readonly string[] | null {
  const node = producerOf(name, graph);
  if (node === null) return null;
  if (CLASSIFIERS.includes(node.opType)) return node.output[1] === name ? classNames(node) : null;
  const [input] = node.input;
  return PASSING.includes(node.opType) && input !== undefined ? classesOf(input, graph) : null;
}

/** Finds the node that makes a value. Null: an input, a constant or unknown. Graphs have no cycles. */
export function producerOf(name: string, { node }: OutputGraph): OutputNode | null {
  return node.find(({ output }) => output.includes(name)) ?? null;
}
