import type { ClassNames } from "../../shared/domain/hugging-face.ts";
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

interface KnownNames {
  /** Labels in the model's folder. */
  readonly labels: readonly string[] | null;
  /** Labels in the model itself. */
  readonly own: readonly string[] | undefined;
  /** Names that the input gives to the classes of its columns. */
  readonly ofColumns: ClassNames;
  readonly classes: number;
}

interface ClassNaming {
  /** True when the folder or the input names the classes. */
  readonly isClassifier: boolean;
  readonly keys: DraftKeys;
  readonly notes: readonly string[];
  readonly questions: readonly string[];
}

/**
 * Finds the names of the most likely class: those of the model or of its folder. Else a column of the input
 * has them, if it is the only one with as many classes.
 */
export function classNaming({ labels, own, ofColumns, classes }: KnownNames): ClassNaming {
  const plain = { keys: {}, questions: [] };
  const isClassifier = labels?.length === classes;
  if (own?.length === classes) {
    const notes = [`The name of the likeliest class. The model's names are ${listed(own)}.`];
    return { ...plain, isClassifier, notes };
  }
  if (isClassifier)
    return { ...plain, isClassifier, notes: ["The name of the likeliest class, from config.json."] };
  const [found, ...others] = Object.entries(ofColumns).filter(([, names]) => names.length === classes);
  if (found !== undefined && others.length === 0) {
    const [column, names] = found;
    return {
      isClassifier: true,
      keys: { labels: { column } },
      notes: [`The name of the likeliest class, from column \`${column}\` of the data: ${listed(names)}.`],
      questions: [`was the model trained with the classes of \`${column}\`, in this order?`],
    };
  }
  const notes = [
    "The index of the likeliest class. `labels: [first, second, ...]` gives the classes names.",
    ...(labels === null
      ? []
      : [`The folder has ${labels.length} labels, the model ${classes} classes: they are not used.`]),
  ];
  return { ...plain, isClassifier, notes };
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
