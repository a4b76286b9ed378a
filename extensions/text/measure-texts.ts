import type { Location } from "../../shared/domain/location.ts";
import type { Storages } from "../../shared/storage/open-storage.ts";
import { readText } from "../../shared/storage/whole-file.ts";
import { NoTokenizerError, readTokenizerFile, TextTokenizer } from "./text-tokenizer.ts";

/** Text lengths in tokens, by the tokenizer of the model's folder. Plain JSON. */
export interface TextLengths {
  /** Tokens of each row by column, without special tokens. Null: the cell is no text, or encoding failed. */
  readonly tokens: readonly (readonly [column: string, lengths: readonly (number | null)[]])[];
  /** Numbers of special tokens that a text and a pair of texts get. */
  readonly special: { readonly one: number; readonly pair: number };
  /** Limit in the tokenizer's file. Null: none. */
  readonly maxTokens: number | null;
}

/** Characters of a text that are measured. A longer text has more tokens than a model takes anyway. */
const MOST_CHARS = 200_000;

/** Settings without limit or special tokens. The caller adds the special tokens of a text or a pair. */
const BARE = { maxTokens: null, truncation: "right", specialTokens: false } as const;

/**
 * Measures texts in tokens.
 *
 * @param texts by column, row by row
 * @returns null when the file is no tokenizer: planning reports that with its place
 */
export async function measureTexts(
  texts: ReadonlyMap<string, readonly unknown[]>,
  tokenizer: Location,
  { storages, signal }: { readonly storages: Storages; readonly signal: AbortSignal },
): Promise<TextLengths | null> {
  const json = await readText(await storages.at(tokenizer), tokenizer, signal);
  try {
    const { specialTokens, pairSpecialTokens, maxTokens } = await readTokenizerFile(json, signal);
    const bare = TextTokenizer.open(json, BARE);
    const tokens: [string, readonly (number | null)[]][] = [];
    for (const [column, cells] of texts) tokens.push([column, await lengthsOf(cells, bare, signal)]);
    return { tokens, special: { one: specialTokens, pair: pairSpecialTokens }, maxTokens };
  } catch (error) {
    if (error instanceof NoTokenizerError) return null;
    throw error;
  }
}

async function lengthsOf(
  cells: readonly unknown[],
  tokenizer: TextTokenizer,
  signal: AbortSignal,
): Promise<readonly (number | null)[]> {
  const isText = (cell: unknown) => typeof cell === "string";
  const encodings = await tokenizer.encode(
    cells.filter(isText).map((text) => text.slice(0, MOST_CHARS)),
    signal,
  );
  const lengths = encodings.map((encoding) => (encoding instanceof Error ? null : encoding.getLength()));
  let at = 0;
  return cells.map((cell) => {
    if (!isText(cell)) return null;
    at += 1;
    return lengths[at - 1] ?? null;
  });
}
