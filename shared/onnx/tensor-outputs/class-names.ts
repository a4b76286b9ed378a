import { decodeUtf8 } from "../../core/utf8.ts";
import { attributesOf, type OutputGraph, type OutputNode } from "./output-graph.ts";

/** The attributes in which ONNX's operators of classes keep their names: of texts, or of whole numbers. */
const NAME_KEYS = ["classlabels_strings", "classlabels_int64s", "classlabels_ints"];

/** Operators whose values are those of their only input, or have its classes. */
const PASSING: readonly string[] = ["Identity", "Normalizer", "Softmax"];

/** Operators whose second output has a score for each class. */
const CLASSIFIERS: readonly string[] = ["LinearClassifier", "TreeEnsembleClassifier", "SVMClassifier"];

/** The names of a node's classes, in the order of their scores; null where it has none. */
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

/** The names of the classes that a tensor has scores of; null where the graph does not say. */
export function classesOf(name: string, graph: OutputGraph): readonly string[] | null {
  const node = producerOf(name, graph);
  if (node === null) return null;
  if (CLASSIFIERS.includes(node.opType)) return node.output[1] === name ? classNames(node) : null;
  const [input] = node.input;
  return PASSING.includes(node.opType) && input !== undefined ? classesOf(input, graph) : null;
}

/** What makes a value; null for inputs, constants and what is not there. No graph has a circle. */
export function producerOf(name: string, { node }: OutputGraph): OutputNode | null {
  return node.find(({ output }) => output.includes(name)) ?? null;
}
