import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { DraftKeys } from "../../shared/extension/feature-draft.ts";
import { tokenizerFactsOf } from "./folder-tokenizer.ts";
import type { TextLengths } from "./measure-texts.ts";

/** Sampled texts that have more tokens than the model takes. */
interface LongTexts {
  /** Name of the input that is made of the texts. */
  readonly input: string;
  readonly maxTokens: number;
  readonly rows: number;
  readonly longRows: number;
  /** Value of a `split` step that would make a row of each passage. Null: the input is a pair of texts. */
  readonly split: DraftKeys | null;
}

/** Fraction of a passage that the next one repeats: a sentence or two. */
const OVERLAP = 1 / 8;

/** Finds sampled texts that are too long. Null: no text is too long, or no lengths are known. */
export function findLongTexts(
  inputs: Readonly<Record<string, DraftKeys>>,
  { folder, texts }: { readonly folder: ModelFolder | null; readonly texts: TextLengths | null },
): LongTexts | null {
  const [input, keys] = Object.entries(inputs).find(([, own]) => own.tokenizer !== undefined) ?? [];
  if (input === undefined || keys === undefined || texts === null) return null;
  const limits = [keys.maxTokens ?? texts.maxTokens, tokenizerFactsOf(folder)?.mostTokens];
  const maxTokens = Math.min(...limits.filter((limit) => typeof limit === "number"));
  const columns = Array.isArray(keys.columns) ? keys.columns : [keys.column];
  const tokens = columns.map((column) => texts.tokens.find(([name]) => name === column)?.[1] ?? []);
  const special = columns.length > 1 ? texts.special.pair : texts.special.one;
  const lengths = (tokens[0] ?? []).flatMap((_, row) => {
    const ofRow = tokens.flatMap((own) => own[row] ?? []);
    return ofRow.length < columns.length ? [] : ofRow.reduce((sum, count) => sum + count, special);
  });
  const longRows = lengths.filter((length) => length > maxTokens).length;
  if (longRows === 0) return null;
  const overlap = Math.floor(maxTokens * OVERLAP);
  const [column] = columns;
  const split = { column, tokenizer: keys.tokenizer, tokens: maxTokens, overlap, sentences: true };
  return { input, maxTokens, rows: lengths.length, longRows, split: columns.length > 1 ? null : split };
}
