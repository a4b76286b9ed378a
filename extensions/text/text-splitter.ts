import type { Encoding } from "@anush008/tokenizers";
import { present } from "../../shared/core/assert.ts";
import { cutPassages, type PassageLimits, type TextTokens } from "./passages.ts";
import { readTokenizerFile, TextTokenizer } from "./text-tokenizer.ts";

/** Passage of a text. */
export interface TextPassage {
  readonly text: string;
  /** Position in the whole text, in Unicode code points. */
  readonly start: number;
  readonly end: number;
}

/** State of a text that is being split. */
interface OpenText {
  readonly text: string;
  readonly tokens: TextTokens;
  limits: PassageLimits;
  passages: readonly TextPassage[];
}

const UNCUT = { maxTokens: null, truncation: "right" } as const;

/** Cuts texts into passages with a token limit. Passages are measured alone, with special tokens. */
export class TextSplitter {
  readonly #bare: TextTokenizer;
  readonly #limits: PassageLimits;

  private constructor(bare: TextTokenizer, limits: PassageLimits) {
    this.#bare = bare;
    this.#limits = limits;
  }

  /**
   * @param json the content of a `tokenizer.json`
   * @param limits its `tokens` include the special tokens
   */
  static async open(json: string, limits: PassageLimits): Promise<TextSplitter> {
    const { specialTokens } = await readTokenizerFile(json, new AbortController().signal);
    const tokens = limits.tokens - specialTokens;
    const overlap = Math.min(limits.overlap, tokens - 1);
    const bare = TextTokenizer.open(json, { ...UNCUT, specialTokens: false });
    return new TextSplitter(bare, { tokens, overlap, sentences: limits.sentences });
  }

  /** Returns at least one passage for each text, or the tokenizer's error. */
  async split(
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (readonly TextPassage[] | Error)[]> {
    const encodings = await this.#bare.encode(texts, signal);
    const long: OpenText[] = [];
    const found = texts.map((text, at) => {
      const encoding = present(encodings[at], "a text is encoded");
      if (encoding instanceof Error) return encoding;
      if (encoding.getLength() <= this.#limits.tokens) return [wholeText(text)];
      const open = { text, tokens: tokensOf(text, encoding), limits: this.#limits, passages: [] };
      long.push(open);
      return open;
    });
    await this.#cutAll(long, signal);
    return found.map((one) => ("passages" in one ? one.passages : one));
  }

  /**
   * Cuts texts until no passage exceeds the limit. A passage alone may have more tokens than within its text,
   * because the space in front is lost. Such texts are cut again, with a lower limit.
   */
  async #cutAll(texts: readonly OpenText[], signal: AbortSignal): Promise<void> {
    let open = texts;
    while (open.length > 0) {
      for (const one of open) one.passages = passagesOf(one);
      const all = open.flatMap(({ passages }) => passages.map(({ text }) => text));
      const encodings = await this.#bare.encode(all, signal);
      let next = 0;
      open = open.filter((one) => {
        const lengths = one.passages.map(() => lengthOf(encodings[next++]));
        const excess = lengths.reduce((most, length) => Math.max(most, length), 0) - this.#limits.tokens;
        if (excess <= 0 || one.limits.tokens === 1) return false;
        const tokens = Math.max(1, one.limits.tokens - excess);
        one.limits = { ...one.limits, tokens, overlap: Math.min(one.limits.overlap, tokens - 1) };
        return true;
      });
    }
  }
}

function lengthOf(encoding: Encoding | Error | undefined): number {
  return encoding === undefined || encoding instanceof Error ? 0 : encoding.getLength();
}

function wholeText(text: string): TextPassage {
  return { text, start: 0, end: codePoints(text) };
}

/** Converts offsets: the library counts in code points, strings here in UTF-16 units. */
function tokensOf(text: string, encoding: Encoding): TextTokens {
  const offsets = encoding.getOffsets();
  const places = unitPlaces(text);
  const unit = (codePoint = 0) => (places === null ? codePoint : (places[codePoint] ?? text.length));
  return {
    starts: offsets.map(([start]) => unit(start)),
    ends: offsets.map(([, end]) => unit(end)),
    words: encoding.getWordIds(),
  };
}

/** Returns the offset of each code point in UTF-16 units. Null: each code point is one unit. */
function unitPlaces(text: string): readonly number[] | null {
  if (!/[\ud800-\udbff]/.test(text)) return null;
  const places: number[] = [];
  let at = 0;
  for (const character of text) {
    places.push(at);
    at += character.length;
  }
  return places;
}

function passagesOf({ text, tokens, limits }: OpenText): readonly TextPassage[] {
  let unit = 0;
  let codePoint = 0;
  return cutPassages(text, tokens, limits).map(({ start, end }) => {
    codePoint += start < unit ? -codePoints(text.slice(start, unit)) : codePoints(text.slice(unit, start));
    unit = start;
    const passage = text.slice(start, end);
    return { text: passage, start: codePoint, end: codePoint + codePoints(passage) };
  });
}

function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) if ((text.charCodeAt(at) & 0xfc00) === 0xd800) pairs += 1;
  return text.length - pairs;
}
