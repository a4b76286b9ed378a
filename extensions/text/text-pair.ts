import type { Field } from "../../shared/domain/dataset.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import { TYPE_NAMES } from "../../shared/input-sources/text-inputs.ts";

/** Two texts that a model compares, in the model's order. */
interface TextPair {
  readonly columns: readonly [string, string];
  /** True when the column names identify the pair and its order. */
  readonly isNamed: boolean;
}

/** Common names of the first and the second text of a pair, in lower case without separators. */
const PAIR_NAMES: readonly (readonly [first: RegExp, second: RegExp])[] = [
  [
    /^(query|question|search)$/,
    /^(passage|document|doc|context|answer|paragraph|text|body|candidate|product)$/,
  ],
  [/^premise$/, /^hypothesis$/],
  [/^(sentence|text|question|s|q|sent)(1|a|one)$/, /^(sentence|text|question|s|q|sent)(2|b|two)$/],
];

const SEQUENCE_CLASSIFIER = /ForSequenceClassification$/;

/**
 * Finds the two columns that a model of text pairs compares. Null: the model takes one text.
 *
 * A classifier with one class (a cross-encoder) or with entailment classes takes a pair for certain. A model
 * with token types takes a pair when two columns are named like one.
 *
 * @param texts text columns to choose from
 */
export function textPair(
  texts: readonly Field[],
  { signature, folder }: { readonly signature: ModelSignature; readonly folder: ModelFolder | null },
): TextPair | null {
  const named = namedPair(texts);
  if (named !== null && (comparesTexts(signature, folder) || separatesTexts(signature)))
    return { columns: named, isNamed: true };
  const [first, second] = texts;
  if (first === undefined || second === undefined || !comparesTexts(signature, folder)) return null;
  return { columns: [first.name, second.name], isNamed: false };
}

function namedPair(texts: readonly Field[]): readonly [string, string] | null {
  for (const patterns of PAIR_NAMES) {
    const [first, second] = patterns.map((pattern) => texts.find(({ name }) => pattern.test(plain(name))));
    if (first !== undefined && second !== undefined) return [first.name, second.name];
  }
  return null;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[_\s-]/g, "");
}

function comparesTexts({ outputs }: ModelSignature, folder: ModelFolder | null): boolean {
  const { architecture = null, labels = null } = folder?.facts ?? {};
  if (!SEQUENCE_CLASSIFIER.test(architecture ?? "")) return false;
  if (labels?.some((label) => /^(not_)?entailment$/i.test(label))) return true;
  return labels?.length === 1 || outputs.some(({ dims }) => dims.length === 2 && dims[1] === 1);
}

function separatesTexts({ inputs }: ModelSignature): boolean {
  return inputs.some(({ name }) => TYPE_NAMES.includes(name));
}
