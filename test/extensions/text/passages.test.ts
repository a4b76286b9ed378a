import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutPassages, type TextTokens } from "../../../extensions/text/passages.ts";

/** Returns tokens of up to three letters from the words of a text. */
function tokensOf(text: string): TextTokens {
  const found = [...text.matchAll(/\S+/g)].flatMap(({ 0: word, index }, at) =>
    [...word.matchAll(/.{1,3}/gs)].map((part) => ({
      start: index + part.index,
      end: index + part.index + part[0].length,
      word: at,
    })),
  );
  return {
    starts: found.map(({ start }) => start),
    ends: found.map(({ end }) => end),
    words: found.map(({ word }) => word),
  };
}

function cut(text: string, limits: { tokens: number; overlap?: number; sentences?: boolean }): string[] {
  const all = { overlap: 0, sentences: false, ...limits };
  return cutPassages(text, tokensOf(text), all).map(({ start, end }) => text.slice(start, end));
}

describe("passages", () => {
  it("passages are cut between words, and within words that are too long", () => {
    expect(cut("one two three four five", { tokens: 3 })).toEqual(["one two", "three", "four", "five"]);
    expect(cut("a supercalifragilistic b", { tokens: 3 })).toEqual(["a superc", "alifragil", "istic b"]);
  });

  it("passages repeat the last words of the previous passage", () => {
    const passages = cut("a b c d e f g", { tokens: 3, overlap: 1 });
    expect(passages).toEqual(["a b c", "c d e", "e f g"]);
  });

  it("passages end with a sentence if set, unless that leaves half a passage empty", () => {
    const text = "a b. C d e f. G h i j k l m. N o.";
    expect(cut(text, { tokens: 7, sentences: true })).toEqual(["a b. C d e f.", "G h i j k l m.", "N o."]);
    expect(cut(text, { tokens: 7 })).toEqual(["a b. C d e f. G", "h i j k l m. N", "o."]);
    expect(cut("A. B c d e f g h i.", { tokens: 4, sentences: true })).toEqual(["A. B c d", "e f g h", "i."]);
  });

  it("the overlap begins with a sentence if one starts there, and is dropped otherwise", () => {
    const text = "A b c d. E f. G h i j. K l m n.";
    expect(cut(text, { tokens: 6, overlap: 3, sentences: true })).toEqual([
      "A b c d. E f.",
      "E f. G h i j.",
      "K l m n.",
    ]);
  });

  it("passages do not split a character", () => {
    const tokens = { starts: [0, 0, 0, 2, 2, 2], ends: [2, 2, 2, 4, 4, 4], words: [0, 0, 0, 0, 0, 0] };
    const limits = { tokens: 5, overlap: 0, sentences: false };
    expect(cutPassages("😁😁", tokens, limits)).toEqual([
      { start: 0, end: 2 },
      { start: 2, end: 4 },
    ]);
  });

  it("a text without tokens has no passages", () => {
    expect(cut("  ", { tokens: 3 })).toEqual([]);
  });
});

describe("passages of any text", () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,9}[.!]?$/), { minLength: 1, maxLength: 60 });
  const limits = fc
    .record({ tokens: fc.integer({ min: 1, max: 12 }), overlap: fc.nat(11), sentences: fc.boolean() })
    .map((one) => ({ ...one, overlap: Math.min(one.overlap, one.tokens - 1) }));

  it("passages cover the text in order and are never too long", () => {
    const property = fc.property(words, limits, (some, all) => {
      const text = some.join(" ");
      const { starts, ends, words: wordOf } = tokensOf(text);
      const passages = cutPassages(text, { starts, ends, words: wordOf }, all);
      let covered = 0;
      let lastStart = -1;
      let lastEnd = -1;
      for (const { start, end } of passages) {
        const inside = starts.filter((at, index) => at >= start && (ends[index] ?? 0) <= end).length;
        expect(inside).toBeLessThanOrEqual(all.tokens);
        const first = starts.indexOf(start);
        expect(first).toBeGreaterThanOrEqual(0);
        expect(first).toBeLessThanOrEqual(covered);
        expect(covered - first).toBeLessThanOrEqual(all.overlap);
        expect(start).toBeGreaterThan(lastStart);
        expect(end).toBeGreaterThan(lastEnd);
        covered = ends.indexOf(end) + 1;
        [lastStart, lastEnd] = [start, end];
      }
      expect(covered).toBe(starts.length);
    });
    fc.assert(property, { numRuns: 500 });
  });
});

/** Returns tokens of up to three letters with wrong offsets around removed characters: marks and `~`. */
function strippedTokensOf(text: string): TextTokens {
  const found = [...text.matchAll(/(?:(?![~\ufeff]|\u0301)\S)+/g)].flatMap(({ 0: word, index }) =>
    [...word.matchAll(/.{1,3}/gs)].map((part) => ({
      start: index + part.index,
      end: index + part.index + part[0].length,
    })),
  );
  return {
    starts: found.map(({ start }) => start),
    ends: found.map(({ end }) => end),
    words: found.map((_, at) => at),
  };
}

it("passages omit only white space, even for characters outside tokens", () => {
  const unit = fc.constantFrom("a", "bcde", " ", "  ", "\n", "~", "\u0301", "\ufeff", ". ");
  const property = fc.property(
    fc.array(unit, { maxLength: 40 }),
    fc.nat(5),
    fc.nat(4),
    fc.boolean(),
    (units, most, overlap, sentences) => {
      const text = units.join("");
      const tokens = strippedTokensOf(text);
      const limits = { tokens: most + 1, overlap: Math.min(overlap, most), sentences };
      if (tokens.starts.length === 0) return;
      let behind = 0;
      for (const { start, end } of cutPassages(text, tokens, limits)) {
        expect(text.slice(Math.min(behind, start), start)).toMatch(/^\p{White_Space}*$/u);
        behind = end;
      }
      expect(text.slice(behind)).toMatch(/^\p{White_Space}*$/u);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

it("a character outside tokens stays with its word", () => {
  const text = "cafe\u0301 noir ~x";
  const all = { tokens: 2, overlap: 0, sentences: false };
  const passages = cutPassages(text, strippedTokensOf(text), all).map(({ start, end }) =>
    text.slice(start, end),
  );
  expect(passages).toEqual(["cafe\u0301", "noir", "~x"]);
});
