import { isFixed, product, type TensorInfo } from "../../shared/domain/tensor.ts";
import { type DraftKeys, listed } from "../../shared/extension/feature-draft.ts";

/** Usual threshold. A better one depends on the cost of the model's errors. */
const USUAL_THRESHOLD = 0.5;

interface SeveralLabels {
  readonly tensor: string;
  readonly where: DraftKeys;
  readonly isProbabilities: boolean;
  readonly labels: readonly string[] | null;
  readonly classes: number;
  readonly questions: readonly string[];
}

/** Drafts the column of a multi-label classifier. */
export function severalLabels(output: SeveralLabels) {
  const { where, isProbabilities, labels, classes, questions } = output;
  // The default activation turns logits into probabilities. It would turn probabilities into 0.5 to 1.
  const activation = isProbabilities ? { activation: "none" } : {};
  const several = "A row may have several of the classes, or none: those whose score reaches `threshold`.";
  const names =
    labels?.length === classes
      ? "Their names are those of config.json."
      : "The classes are identified by index. `labels: [first, second, ...]` gives them names.";
  return {
    column: "classes",
    keys: { ...where, op: "threshold", threshold: USUAL_THRESHOLD, ...activation },
    notes: [several, names],
    questions: [...questions, "which score is enough? 0.5 is usual, but rarely the best"],
  };
}

interface KnownLabels {
  /** Labels in the model's folder. */
  readonly labels: readonly string[] | null;
  /** Labels in the model itself. */
  readonly own: readonly string[] | undefined;
  readonly classes: number;
}

/** Describes the names of the most likely class. */
export function labelNotes({ labels, own, classes }: KnownLabels): readonly string[] {
  if (own?.length === classes)
    return [`The name of the likeliest class. The model's names are ${listed(own)}.`];
  if (labels?.length === classes) return ["The name of the likeliest class, from config.json."];
  return [
    "The index of the likeliest class. `labels: [first, second, ...]` gives the classes names.",
    ...(labels === null
      ? []
      : [`The folder has ${labels.length} labels, the model ${classes} classes: they are not used.`]),
  ];
}

/** Describes the classes of a score vector, if the model names them. */
export function scoreNotes({ classes = [] }: TensorInfo): readonly string[] {
  return classes.length === 0 ? [] : [`A score for each of ${listed(classes)}, in this order.`];
}

/**
 * Returns true when an output is the label that another output has the scores of. No second label is made
 * from those scores.
 */
export function isLabelOutput(output: TensorInfo, scores: TensorInfo): boolean {
  const { name, dtype, dims } = output;
  const isOne = dims.length <= 2 && product(dims.slice(1).filter(isFixed)) === 1;
  return output !== scores && isOne && /label|class/i.test(name) && !dtype.startsWith("float");
}

/** Limit of classes. Longer vectors are seldom class scores. */
const MOST_CLASSES = 100;

/** Output names that indicate vectors. */
const VECTORS = /embed|hidden|state|pool|feature|vector|encod/i;

/** Asks for the meaning of a few unnamed numbers. */
export function unnamedQuestions({ name, classes: own }: TensorInfo, values: number): readonly string[] {
  if (values < 2 || values > MOST_CLASSES || own !== undefined || VECTORS.test(name)) return [];
  return [
    `what are these ${values} numbers? Neither the model nor a folder names them. For scores, \`op: argmax\` with \`labels: [first, second, ...]\` gives a class`,
  ];
}
