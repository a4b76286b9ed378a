/** Where a token lies in its text, in Unicode code points. */
export interface TokenOffset {
  readonly start: number;
  readonly end: number;
  /** It was added: it stands for no text, or for some of the prefix. */
  readonly special: boolean;
  /** It goes on with the word of the token before it. */
  readonly continues: boolean;
}

/** How a tokenizer writes tokens, as its file says. */
export interface TokenForms {
  /** Stands in front of a token that goes on with a word: `##`. Null: its tokens do not tell. */
  readonly continuing: string | null;
  /** The token of what it does not know. */
  readonly unknown: string | null;
}

/** What the library says of the tokens of a text. */
interface Encoded {
  readonly tokens: readonly string[];
  /** Of each token, in the text with its prefix. */
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
 * Where the tokens of a text lie. Which tokens go on with a word is told as the transformers library
 * tells it: where tokens are marked, by one that is not as long as its text; else by the lack of a space.
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

/** In code points. */
function lengthOf(text: string): number {
  return hasPairs(text) ? Array.from(text).length : text.length;
}

/** `[start, end)` of a text, in code points. */
export function codePoints(text: string, start: number, end: number): string {
  return hasPairs(text) ? Array.from(text).slice(start, end).join("") : text.slice(start, end);
}
