/** Position of a token in its text, in Unicode code points. */
export interface TokenOffset {
  readonly start: number;
  readonly end: number;
  /** The token was added, or lies in the prefix: it has no position in the text. */
  readonly special: boolean;
  /** The token continues the previous token's word. */
  readonly continues: boolean;
}

/** Notation of tokens in a tokenizer's file. */
export interface TokenForms {
  /** Prefix of a token that continues a word: `##`. Null: tokens have no such mark. */
  readonly continuing: string | null;
  /** Token for unknown text. Null: none. */
  readonly unknown: string | null;
}

/** Token data from the library. */
interface Encoded {
  readonly tokens: readonly string[];
  /** Offsets by token, in the text with its prefix. */
  readonly offsets: readonly (readonly number[])[];
  readonly special: readonly number[];
}

/** @param file a parsed `tokenizer.json` */
export function tokenForms(file: Readonly<Record<string, unknown>>): TokenForms {
  const model = (file.model ?? {}) as Readonly<Record<string, unknown>>;
  const { continuing_subword_prefix: continuing, unk_token: unknown, unk_id: unknownId, vocab } = model;
  const entry: unknown = typeof unknownId === "number" && Array.isArray(vocab) ? vocab[unknownId] : null;
  const named = Array.isArray(entry) ? entry[0] : unknown;
  return {
    continuing: typeof continuing === "string" && continuing !== "" ? continuing : null,
    unknown: typeof named === "string" ? named : null,
  };
}

/**
 * Returns the positions of tokens in their text. Continuing tokens are detected as in the transformers
 * library. With marked tokens, a token continues a word if its length differs from its text's. Without, it
 * continues a word if no space is at its start.
 *
 * @param text without its prefix
 */
export function tokenOffsets(
  { tokens, offsets, special }: Encoded,
  text: string,
  { prefix, forms }: { readonly prefix: string; readonly forms: TokenForms },
): readonly TokenOffset[] {
  const shift = lengthOf(prefix);
  const characters = hasPairs(text) ? Array.from(text) : text;
  return tokens.map((token, index) => {
    const [from = 0, to = 0] = offsets[index] ?? [];
    const [start, end] = [Math.max(0, from - shift), Math.max(0, to - shift)];
    const isAdded = special[index] === 1 || (to <= shift && to > 0 && shift > 0);
    if (isAdded) return { start: 0, end: 0, special: true, continues: false };
    return { start, end, special: false, continues: continues(token, { start, end, characters }, forms) };
  });
}

function continues(
  token: string,
  { start, end, characters }: { start: number; end: number; characters: ArrayLike<string> },
  { continuing, unknown }: TokenForms,
): boolean {
  if (token === unknown) return false;
  if (continuing !== null) return lengthOf(token) !== end - start;
  return start > 0 && characters[start - 1] !== " " && characters[start] !== " ";
}

function hasPairs(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Returns a length in code points. */
function lengthOf(text: string): number {
  return hasPairs(text) ? Array.from(text).length : text.length;
}

/** Returns `[start, end)` of a text, in code points. */
export function codePoints(text: string, start: number, end: number): string {
  return hasPairs(text) ? Array.from(text).slice(start, end).join("") : text.slice(start, end);
}
