import { type Encoding as LibraryEncoding, Tokenizer } from "@anush008/tokenizers";
import { isObject } from "../../shared/core/json-object.ts";
import { type TokenForms, tokenForms } from "./token-offsets.ts";

/** The tokens of a text or a pair. */
export type Encoding = LibraryEncoding;

/** How texts become tokens, beyond what the tokenizer's file says. */
interface TokenizerSettings {
  /** Of a text or a pair, special ones counted; null: all. */
  readonly maxTokens: number | null;
  /** The end of the text that is cut off. */
  readonly truncation: "left" | "right";
  /** Whether the special tokens of the file's template are added. */
  readonly specialTokens: boolean;
}

/** What the file of a tokenizer says of itself. */
export interface TokenizerFile {
  /** How many special tokens a text gets. */
  readonly specialTokens: number;
  /** How many a pair of texts gets. */
  readonly pairSpecialTokens: number;
  /** Its own limit; null: none. */
  readonly maxTokens: number | null;
  /** The end of a text that it cuts off, as it says or by default. */
  readonly truncation: "left" | "right";
  /** Its padding; null: not said. */
  readonly padId: number | null;
}

/** The file is no tokenizer, or not one that the library reads. `reason` is for people. */
export class NoTokenizerError extends Error {}

const WHOLE: TokenizerSettings = { maxTokens: null, truncation: "right", specialTokens: true };

/** So many are handed over at once: an abort is seen soon, and the library has enough for all cores. */
const MOST_TEXTS = 256;
const MOST_CHARACTERS = 1 << 20;

/** A text, or a pair of texts. */
export type TokenizerInput = string | [string, string];

/**
 * A tokenizer as a `tokenizer.json` describes it. The library is the reference implementation itself
 * (decision 53): its numbers are those of Python's `tokenizers`.
 */
export class TextTokenizer {
  /** How it writes tokens. */
  readonly forms: TokenForms;
  readonly #tokenizer: Tokenizer;
  readonly #options: { readonly addSpecialTokens: boolean };
  /** Its tokens are bytes, each written as a letter that stands for it: only decoded can people read them. */
  readonly #isByteLevel: boolean;

  private constructor(
    tokenizer: Tokenizer,
    { specialTokens }: TokenizerSettings,
    file: Readonly<Record<string, unknown>>,
  ) {
    this.#tokenizer = tokenizer;
    this.forms = tokenForms(file);
    this.#isByteLevel = JSON.stringify(file.decoder ?? null).includes('"ByteLevel"');
    this.#options = { addSpecialTokens: specialTokens };
  }

  /**
   * @param json the content of a `tokenizer.json`
   * @throws {NoTokenizerError}
   */
  static open(json: string, settings: TokenizerSettings): TextTokenizer {
    const file = parse(json);
    const own = isObject(file.truncation) ? file.truncation : {};
    const truncation =
      settings.maxTokens === null
        ? null
        : {
            strategy: own.strategy ?? "LongestFirst",
            stride: 0,
            max_length: settings.maxTokens,
            direction: settings.truncation === "left" ? "Left" : "Right",
          };
    try {
      const tokenizer = Tokenizer.fromString(JSON.stringify({ ...file, truncation, padding: null }));
      return new TextTokenizer(tokenizer, settings, file);
    } catch (error) {
      throw new NoTokenizerError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  /**
   * Of each text, in order; where the library can do nothing with one, the error.
   *
   * @throws the reason of the signal
   */
  async encode(
    texts: readonly TokenizerInput[],
    signal: AbortSignal,
  ): Promise<readonly (Encoding | Error)[]> {
    const encodings: (Encoding | Error)[] = [];
    for (const some of inPieces(texts)) {
      signal.throwIfAborted();
      encodings.push(...(await this.#encodeAll(some)));
    }
    signal.throwIfAborted();
    return encodings;
  }

  /** The pieces of text that tokens stand for, as people read them. */
  async pieces(ids: readonly number[]): Promise<readonly string[]> {
    return await Promise.all(ids.map((id) => this.#pieceOf(id)));
  }

  async #pieceOf(id: number): Promise<string> {
    const token = this.#tokenizer.idToToken(id) ?? "";
    if (!this.#isByteLevel) return token;
    const text = await this.#tokenizer.decode([id], false);
    // A part of a letter's bytes is no text.
    return text === "" || text.includes("\ufffd") ? token : text;
  }

  async #encodeAll(texts: readonly TokenizerInput[]): Promise<readonly (Encoding | Error)[]> {
    const alone = texts.filter((text) => typeof text === "string");
    try {
      if (alone.length === texts.length) return await this.#tokenizer.encodeBatch(alone, this.#options);
    } catch {
      // It does not say which one it is about.
    }
    return Promise.all(texts.map((text) => this.#encodeOne(text)));
  }

  async #encodeOne(input: TokenizerInput): Promise<Encoding | Error> {
    const [text, pair] = typeof input === "string" ? [input, null] : input;
    try {
      return await this.#tokenizer.encode(text, pair, this.#options);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error), { cause: error });
    }
  }
}

/**
 * @param json the content of a `tokenizer.json`
 * @throws {NoTokenizerError}
 */
export async function readTokenizerFile(json: string, signal: AbortSignal): Promise<TokenizerFile> {
  const { truncation, padding } = parse(json);
  const [one, pair] = await TextTokenizer.open(json, WHOLE).encode(["", ["", ""]], signal);
  return {
    specialTokens: lengthOf(one),
    pairSpecialTokens: lengthOf(pair),
    maxTokens: numberIn(truncation, "max_length"),
    truncation: isObject(truncation) && truncation.direction === "Left" ? "left" : "right",
    padId: numberIn(padding, "pad_id"),
  };
}

function lengthOf(encoding: Encoding | Error | undefined): number {
  if (encoding instanceof Error) throw new NoTokenizerError(encoding.message, { cause: encoding });
  return encoding?.getLength() ?? 0;
}

function numberIn(value: unknown, key: string): number | null {
  const number = isObject(value) ? value[key] : null;
  return typeof number === "number" ? number : null;
}

function parse(json: string): Readonly<Record<string, unknown>> {
  let file: unknown;
  try {
    file = JSON.parse(json);
  } catch (cause) {
    throw new NoTokenizerError("it is not JSON", { cause });
  }
  if (!isObject(file) || !isObject(file.model)) throw new NoTokenizerError("it has no `model`");
  return file;
}

function* inPieces(texts: readonly TokenizerInput[]): Generator<readonly TokenizerInput[]> {
  let start = 0;
  let characters = 0;
  for (const [index, text] of texts.entries()) {
    characters += typeof text === "string" ? text.length : text[0].length + text[1].length;
    if (index + 1 - start < MOST_TEXTS && characters < MOST_CHARACTERS) continue;
    yield texts.slice(start, index + 1);
    start = index + 1;
    characters = 0;
  }
  if (start < texts.length) yield texts.slice(start);
}
