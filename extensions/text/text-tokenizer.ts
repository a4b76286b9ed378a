import { type Encoding as LibraryEncoding, Tokenizer } from "@anush008/tokenizers";
import { isObject } from "../../shared/core/json-object.ts";
import { type TokenForms, tokenForms } from "./token-offsets.ts";

/** Tokens of a text or a pair. */
export type Encoding = LibraryEncoding;

/** Settings in addition to the tokenizer's file. */
interface TokenizerSettings {
  /** Token limit of a text or a pair, special tokens included. Null: no limit. */
  readonly maxTokens: number | null;
  /** End of the text that is cut off. */
  readonly truncation: "left" | "right";
  /** True when the special tokens of the file's template are added. */
  readonly specialTokens: boolean;
}

/** Facts from a tokenizer's file. */
export interface TokenizerFile {
  /** Number of special tokens that a text gets. */
  readonly specialTokens: number;
  /** Number of special tokens that a pair of texts gets. */
  readonly pairSpecialTokens: number;
  /** Token limit in the file. Null: none. */
  readonly maxTokens: number | null;
  /** End of a text that is cut off. Default: right. */
  readonly truncation: "left" | "right";
  /** Padding id. Null: the file has none. */
  readonly padId: number | null;
}

/** The file is no tokenizer, or the library does not support it. The message is for people. */
export class NoTokenizerError extends Error {}

const WHOLE: TokenizerSettings = { maxTokens: null, truncation: "right", specialTokens: true };

/** Limits of one library call. The limits keep aborts prompt, and give all cores enough work. */
const MOST_TEXTS = 256;
const MOST_CHARACTERS = 1 << 20;

/** A text, or a pair of texts. */
export type TokenizerInput = string | [string, string];

/**
 * A tokenizer that a `tokenizer.json` describes. The library is the reference implementation, so its ids
 * equal those of Python's `tokenizers`.
 */
export class TextTokenizer {
  /** Notation of the tokens. */
  readonly forms: TokenForms;
  readonly #tokenizer: Tokenizer;
  readonly #options: { readonly addSpecialTokens: boolean };
  /** True when tokens are bytes, each written as a letter. Only decoding makes them readable. */
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
   * @throws {NoTokenizerError} when the file is no tokenizer
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
   * Encodes texts in order. A text that the library cannot encode gives its error.
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

  /** Returns the readable text of each token. */
  async pieces(ids: readonly number[]): Promise<readonly string[]> {
    return await Promise.all(ids.map((id) => this.#pieceOf(id)));
  }

  async #pieceOf(id: number): Promise<string> {
    const token = this.#tokenizer.idToToken(id) ?? "";
    if (!this.#isByteLevel) return token;
    const text = await this.#tokenizer.decode([id], false);
    // A token may be an incomplete UTF-8 sequence, which does not decode.
    return text === "" || text.includes("\ufffd") ? token : text;
  }

  async #encodeAll(texts: readonly TokenizerInput[]): Promise<readonly (Encoding | Error)[]> {
    const alone = texts.filter((text) => typeof text === "string");
    try {
      if (alone.length === texts.length) return await this.#tokenizer.encodeBatch(alone, this.#options);
    } catch {
      // The error does not identify the text. Encoding one by one does.
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
 * Reads the facts of a tokenizer's file.
 *
 * @param json the content of a `tokenizer.json`
 * @throws {NoTokenizerError} when the file is no tokenizer
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
