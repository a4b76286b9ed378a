import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  NoTokenizerError,
  readTokenizerFile,
  TextTokenizer,
} from "../../../extensions/text/text-tokenizer.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const { signal } = new AbortController();
const read = (name: string) => readFileSync(join(TOKENIZERS_PATH, name), "utf8");

interface Expected {
  readonly whole: readonly { readonly ids: readonly number[]; readonly offsets: readonly number[] }[];
  readonly bare: readonly (readonly number[])[];
  readonly pairs: readonly { readonly ids: readonly number[]; readonly types: readonly number[] }[];
  readonly right: readonly (readonly [readonly number[], readonly number[]])[];
  readonly left: readonly (readonly [readonly number[], readonly number[]])[];
}

/** Results of the reference library in Python: see make.py. */
const { texts, expected } = JSON.parse(read("expected.json")) as {
  readonly texts: readonly string[];
  readonly expected: Readonly<Record<string, Expected>>;
};
const WHOLE = { maxTokens: null, truncation: "right", specialTokens: true } as const;
const pairs = texts.map((text, index): [string, string] => [text, texts.at(-1 - index) ?? ""]);

function idsOf(encoding: { getIds(): number[] } | Error | undefined): readonly number[] {
  if (encoding === undefined || encoding instanceof Error) throw encoding ?? new Error("no encoding");
  return encoding.getIds();
}

for (const [name, known] of Object.entries(expected)) {
  describe(`${name} compared with the reference library`, () => {
    const json = read(`${name}.json`);

    it("each text has the same tokens at the same characters", async () => {
      const encodings = await TextTokenizer.open(json, WHOLE).encode(texts, signal);
      for (const [index, encoding] of encodings.entries()) {
        expect(idsOf(encoding), texts[index]).toEqual(known.whole[index]?.ids);
        const offsets = encoding instanceof Error ? [] : encoding.getOffsets().flat();
        expect(offsets, texts[index]).toEqual(known.whole[index]?.offsets);
      }
      expect(encodings).toHaveLength(texts.length);
    });

    it("pairs have the same tokens and types", async () => {
      const encodings = await TextTokenizer.open(json, WHOLE).encode(pairs, signal);
      const found = encodings.map((encoding) => ({
        ids: idsOf(encoding),
        types: encoding instanceof Error ? [] : encoding.getTypeIds(),
      }));
      expect(found).toEqual(known.pairs);
    });

    it("texts without special tokens have the same tokens", async () => {
      const tokenizer = TextTokenizer.open(json, { ...WHOLE, specialTokens: false });
      expect((await tokenizer.encode(texts, signal)).map(idsOf)).toEqual(known.bare);
    });

    it("texts and the longer text of a pair are truncated on the set side", async () => {
      for (const truncation of ["right", "left"] as const) {
        const tokenizer = TextTokenizer.open(json, { ...WHOLE, maxTokens: 8, truncation });
        const found = [await tokenizer.encode(texts, signal), await tokenizer.encode(pairs, signal)];
        expect(found.map((encodings) => encodings.map(idsOf))).toEqual([
          known[truncation].map(([one]) => one),
          known[truncation].map(([, pair]) => pair),
        ]);
      }
    });
  });
}

describe("a tokenizer's file", () => {
  it("the limit, the padding and the number of special tokens are read", async () => {
    expect(await readTokenizerFile(read("wordpiece.json"), signal)).toEqual({
      specialTokens: 2,
      pairSpecialTokens: 3,
      maxTokens: 64,
      truncation: "right",
      padId: 0,
    });
    expect(await readTokenizerFile(read("bpe.json"), signal)).toEqual({
      specialTokens: 2,
      pairSpecialTokens: 4,
      maxTokens: null,
      truncation: "right",
      padId: null,
    });
  });

  it("a file that is not a tokenizer is refused", () => {
    const open = (json: string) => () => TextTokenizer.open(json, WHOLE);
    expect(open("PK\u0003\u0004")).toThrow(new NoTokenizerError("it is not JSON"));
    expect(open('{"architectures":["BertModel"]}')).toThrow(new NoTokenizerError("it has no `model`"));
    expect(open('{"model":{"type":"Abacus"}}')).toThrow(NoTokenizerError);
    for (const deep of [200, 100_000]) {
      const parts = '{"type":"Sequence","normalizers":['.repeat(deep) + "]}".repeat(deep);
      const json = read("wordpiece.json").replace('"normalizer":', `"normalizer":${parts},"other":`);
      expect(open(json)).toThrow(NoTokenizerError);
    }
  });
});

describe("texts that a tokenizer cannot encode", () => {
  const words = { vocab: { a: 0 }, unk_token: "[UNK]", continuing_subword_prefix: "##" };
  const model = { type: "WordPiece", max_input_chars_per_word: 9, ...words };
  const json = JSON.stringify({ model });

  it("a text that cannot be encoded fails alone in its batch", async () => {
    const found = await TextTokenizer.open(json, WHOLE).encode(["a", "b", "a"], signal);
    expect(found.map((encoding) => encoding instanceof Error)).toEqual([false, true, false]);
  });
});

it("encoding stops when its signal aborts", async () => {
  const tokenizer = TextTokenizer.open(read("bpe.json"), WHOLE);
  const reason = new Error("enough");
  await expect(tokenizer.encode(["a"], AbortSignal.abort(reason))).rejects.toBe(reason);
});
