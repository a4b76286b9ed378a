import type { SeenFiles } from "../../../shared/extension/feature-draft.ts";

/** What a look at some rows of the input told, beyond the types of its columns. */
export interface DataSample {
  /** By column: the files that its cells hold, or name. Columns without any are left out. */
  readonly files: ReadonlyMap<string, SeenFiles>;
  /** Columns of numbers in which a null was seen. */
  readonly nulls: readonly string[];
  /** How long texts are; null where no tokenizer is at hand. */
  readonly texts: TextLengths | null;
  /** Why the rows could not be looked at; null where they could. */
  readonly failure: string | null;
}

/** Texts measured by the tokenizer of the model's folder. */
export interface TextLengths {
  /** By column, of each row that was looked at, without special tokens; null where there is no text. */
  readonly tokens: readonly (readonly [column: string, lengths: readonly (number | null)[]])[];
  /** What a text gets in addition, and a pair of texts. */
  readonly special: { readonly one: number; readonly pair: number };
  /** The tokenizer's own limit; null: none. */
  readonly maxTokens: number | null;
}

/** Nothing was looked at. */
export const NO_SAMPLE: DataSample = { files: new Map(), nulls: [], texts: null, failure: null };
