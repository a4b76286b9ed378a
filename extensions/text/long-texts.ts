import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { DraftKeys } from "../../shared/extension/feature-draft.ts";
import { tokenizerFactsOf } from "./folder-tokenizer.ts";
import type { TextLengths } from "./measure-texts.ts";

/** Texts that have more tokens than the model takes, among those that were looked at. */
interface LongTexts {
  /** That input is made of them. */
  readonly input: string;
  readonly maxTokens: number;
  readonly rows: number;
  readonly longRows: number;
  /** What would make a row for each passage of them, as it is written; null for pairs of texts. */
  readonly split: DraftKeys | null;
}

/** A passage begins with so much of the one before: a sentence or two. */
const OVERLAP = 1 / 8;

/** Null where none is longer, and where nobody knows how long they may be. */
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
