import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { TextSplitter } from "../../../extensions/text/text-splitter.ts";
import { TOKENIZERS_PATH } from "../../support/tokenizers/path.ts";

const bert = (changes: object) => ({
  type: "BertNormalizer",
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
  ...changes,
});

const NORMALIZERS: readonly (readonly [string, object | null])[] = [
  ["none", null],
  ["BertNormalizer", bert({})],
  ["BertNormalizer that strips accents and keeps case", bert({ lowercase: false, strip_accents: true })],
  ["NFC", { type: "NFC" }],
  ["NFKD", { type: "NFKD" }],
  [
    "NFD, StripAccents and Lowercase",
    { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "StripAccents" }, { type: "Lowercase" }] },
  ],
  ["Strip", { type: "Strip", strip_left: true, strip_right: true }],
  ["Nmt", { type: "Nmt" }],
  ["Replace that removes", { type: "Replace", pattern: { Regex: "[~\\u200b]" }, content: "" }],
];

const PIECES = [
  ...[
    "a",
    "hello",
    "Straße",
    "naïve",
    "cafe\u0301",
    "x\ufe0f",
    "\u2764\ufe0f",
    "\ufeff",
    "\u200b",
    "~",
    "\0",
    "\u00ad",
  ],
  ...[
    "pho\u031b\u0309",
    "bo\u0300",
    "\u0301",
    "👩‍👩‍👧",
    "😁",
    "東京",
    "ﬁ",
    "가",
    "각",
    "İ",
    " ",
    "  ",
    "\n",
    "\u00a0",
    ". ",
    "! ",
  ],
];
const text = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 60 })
  .map((pieces) => pieces.join(""));
const limits = fc
  .record({ tokens: fc.integer({ min: 3, max: 12 }), overlap: fc.nat(6), sentences: fc.boolean() })
  .map((one) => ({ ...one, overlap: Math.min(one.overlap, one.tokens - 3) }));

it.each(
  ["wordpiece.json", "bpe.json", "unigram.json"].flatMap((file) =>
    NORMALIZERS.map(([name, normalizer]) => ({ file, name, normalizer })),
  ),
)("passages of $file with the normalizer $name omit only white space", async ({ file, normalizer }) => {
  const tokenizer = { ...JSON.parse(readFileSync(join(TOKENIZERS_PATH, file), "utf8")), normalizer };
  const property = fc.asyncProperty(text, limits, async (whole, all) => {
    const splitter = await TextSplitter.open(JSON.stringify(tokenizer), all);
    const [passages] = await splitter.split([whole], new AbortController().signal);
    if (passages instanceof Error || passages === undefined)
      throw new Error("the text was not split", { cause: passages });
    const characters = Array.from(whole);
    let behind = 0;
    for (const { start, end, text } of passages) {
      expect(text).toBe(characters.slice(start, end).join(""));
      expect(characters.slice(Math.min(behind, start), start).join("")).toMatch(/^\p{White_Space}*$/u);
      behind = Math.max(behind, end);
    }
    expect(characters.slice(behind).join("")).toMatch(/^\p{White_Space}*$/u);
  });
  await fc.assert(property, { numRuns: 40 });
});
