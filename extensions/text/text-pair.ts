import type { Field } from "../../shared/domain/dataset.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import { TYPE_NAMES } from "../../shared/input-sources/text-inputs.ts";

/** Two texts that a model compares, in the order in which it takes them. */
interface TextPair {
  readonly columns: readonly [string, string];
  /** Their names say that they are a pair, and which is the first. */
  readonly isNamed: boolean;
}

/** What people call the first text of a pair, and the second, without `_` and in small letters. */
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
 * The two columns that a model of pairs is meant for; null where one text is. A classifier of one class,
 * which a cross-encoder is, or one whose classes are those of entailment, takes a pair for sure; one that can
 * tell two texts apart takes one where the columns are called as a pair is.
 *
 * @param texts the columns of text that could be meant
 */
export function textPair(
  texts: readonly Field[],
  { signature, folder }: { readonly signature: ModelSignature; readonly folder: ModelFolder | null },
): TextPair | null {
  const named = namedPair(texts);
  if (named !== null && (comparesTexts(signature, folder) || tellsTextsApart(signature)))
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

function tellsTextsApart({ inputs }: ModelSignature): boolean {
  return inputs.some(({ name }) => TYPE_NAMES.includes(name));
}
