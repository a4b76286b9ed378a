import { expect, test } from "vitest";
import { findLongTexts } from "../../../extensions/text/long-texts.ts";
import type { TokenizerFacts } from "../../../extensions/text/op.ts";
import { aFolder } from "../init/draft-fixtures.ts";

const TOKENS = [
  ["body", [3, 9, null, 8]],
  ["title", [5, 1, 9, null]],
] as const;

interface Limits {
  /** Limit in the tokenizer's file. */
  readonly own?: number | null;
  /** Limit of the model's positions. */
  readonly most?: number | null;
}

function longOf(keys: Readonly<Record<string, unknown>>, { own = null, most = null }: Limits = {}) {
  const texts = { tokens: TOKENS, special: { one: 2, pair: 3 }, maxTokens: own };
  const tokenizer: TokenizerFacts = {
    ...{ file: "tokenizer.json", maxTokens: null, maxTokensFrom: null, mostTokens: most },
    ...{ truncation: null, prompts: {} },
  };
  const inputs = { mask: { mask: "ids" }, ids: { tokenizer: "/m/tokenizer.json", ...keys } };
  return findLongTexts(inputs, { folder: aFolder({ features: { tokenizer: { ...tokenizer } } }), texts });
}

test("rows with more tokens than the limit, including special tokens, are counted among rows with text", () => {
  expect(longOf({ column: "body", maxTokens: 10 })).toEqual({
    ...{ input: "ids", maxTokens: 10, rows: 3, longRows: 1 },
    split: { column: "body", tokenizer: "/m/tokenizer.json", tokens: 10, overlap: 1, sentences: true },
  });
  expect(longOf({ column: "body", maxTokens: 9 })).toMatchObject({ rows: 3, longRows: 2 });
  expect(longOf({ column: "body", maxTokens: 11 })).toBeNull();
});

test("the limit is that of the job or the tokenizer, and at most the positions of the model", () => {
  expect(longOf({ column: "body", maxTokens: 6 }, { own: 1 })?.maxTokens).toBe(6);
  expect(longOf({ column: "body" }, { own: 6 })?.maxTokens).toBe(6);
  expect(longOf({ column: "body", maxTokens: 100 }, { most: 6 })?.maxTokens).toBe(6);
  expect(longOf({ column: "body" })).toBeNull();
});

test("the length of a pair is that of both texts, and no split is proposed", () => {
  const long = longOf({ columns: ["body", "title"], maxTokens: 12 });
  expect(long).toEqual({ input: "ids", maxTokens: 12, rows: 2, longRows: 1, split: null });
});

test("texts that were not measured give no result", () => {
  expect(longOf({ column: "other", maxTokens: 1 })).toBeNull();
  const inputs = { ids: { column: "body", tokenizer: "/m/tokenizer.json", maxTokens: 1 } };
  expect(findLongTexts(inputs, { folder: null, texts: null })).toBeNull();
});
