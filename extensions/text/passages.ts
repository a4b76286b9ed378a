/** Tokens of a text, as lists with an entry for each token. */
export interface TextTokens {
  /** Offsets where tokens begin and end in the text, in UTF-16 units. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Indexes of the words that tokens are parts of. Null: the token is part of no word. */
  readonly words: readonly (number | null | undefined)[];
}

export interface PassageLimits {
  /** Most tokens of a passage. */
  readonly tokens: number;
  /** Most tokens that a passage repeats from the previous one. Less than `tokens`. */
  readonly overlap: number;
  /** True when a passage should end with a sentence. */
  readonly sentences: boolean;
}

/** Stretch of a text, in UTF-16 units. */
interface Passage {
  readonly start: number;
  readonly end: number;
}

/**
 * Quality of a cut. Higher is better: within a character, within a word, between words, between sentences.
 */
const CUT = { anywhere: 0, character: 1, word: 2, sentence: 3 } as const;
type Cut = (typeof CUT)[keyof typeof CUT];

/**
 * Cuts a text into passages. At least one passage has each token, and each passage ends behind the previous
 * one. Cuts are between words, or between sentences on request. A cut that would leave half of a passage
 * empty is moved.
 *
 * Law: the passages together contain every character except white space. A normalizer may remove characters,
 * which then lie in no token. Removed characters at the end of a word stay with the word, others go to the
 * next token.
 */
export function cutPassages(text: string, tokens: TextTokens, limits: PassageLimits): readonly Passage[] {
  const cuts = cutsOf(text, tokens, limits.sentences);
  const edges = edgesOf(text, tokens);
  const passages: Passage[] = [];
  const count = tokens.starts.length;
  for (let first = 0, last = 0; last < count; ) {
    const to = first + limits.tokens;
    const end = to >= count ? count : bestCut(cuts, { first, from: last + 1, to });
    passages.push({ start: edges[first]?.start ?? 0, end: edges[end]?.end ?? text.length });
    first = nextStart(cuts, Math.max(end - limits.overlap, first + 1), end);
    last = end;
  }
  return passages;
}

/** White space of Unicode. `\s` of JavaScript would also match U+FEFF. */
const SPACE = /\p{White_Space}/u;

/** End of one passage and start of the next, for a cut in front of a token. */
interface Edge {
  readonly end: number;
  readonly start: number;
}

/** Returns the edges in front of each token, and behind the last one. */
function edgesOf(text: string, { starts, ends }: TextTokens): readonly Edge[] {
  const nextStarts = [...starts, text.length];
  for (let at = starts.length - 1; at >= 0; at -= 1)
    nextStarts[at] = Math.min(nextStarts[at] ?? 0, nextStarts[at + 1] ?? 0);
  let behind = 0;
  return nextStarts.map((start, at): Edge => {
    behind = Math.max(behind, ends[at - 1] ?? 0);
    if (start <= behind) return { end: behind, start };
    if (at === 0) return { end: 0, start: spaceEnd(text, 0, start) };
    if (at === starts.length) return { end: spaceStart(text, behind), start };
    return edgeWithin(text, behind, start);
  });
}

/** Returns the edge at the first white space among characters that lie in no token, else behind them. */
function edgeWithin(text: string, from: number, to: number): Edge {
  const space = text.slice(from, to).search(SPACE);
  if (space < 0) return { end: to, start: to };
  return { end: from + space, start: spaceEnd(text, from + space, to) };
}

/** Returns the end of the white space at `from`. */
function spaceEnd(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && SPACE.test(text.charAt(at))) at += 1;
  return at;
}

/** Returns the start of the white space that ends the text. */
function spaceStart(text: string, from: number): number {
  let at = text.length;
  while (at > from && SPACE.test(text.charAt(at - 1))) at -= 1;
  return at;
}

/** Rates the cut in front of each token. */
function cutsOf(text: string, { starts, ends, words }: TextTokens, sentences: boolean): readonly Cut[] {
  const cuts = starts.map((start, at): Cut => {
    const before = ends[at - 1] ?? 0;
    if (start < before) return CUT.anywhere;
    const isWord = words[at] !== words[at - 1] || SPACE.test(text.slice(Math.max(before - 1, 0), start + 1));
    return isWord ? CUT.word : CUT.character;
  });
  if (sentences) markSentences(text, starts, cuts);
  return cuts;
}

function markSentences(text: string, starts: readonly number[], cuts: Cut[]): void {
  let at = 0;
  for (const { index } of new Intl.Segmenter("en", { granularity: "sentence" }).segment(text)) {
    while (at < starts.length && (starts[at] ?? 0) < index) at += 1;
    if (at < starts.length) cuts[at] = CUT.sentence;
  }
}

/**
 * Returns the last of the best cuts up to `to`. Earlier than `from`, or where half of the passage would be
 * empty, no cut is considered.
 */
function bestCut(cuts: readonly Cut[], { first, from, to }: Record<"first" | "from" | "to", number>): number {
  const least = Math.max(from, Math.ceil((first + to) / 2));
  let best = to;
  for (let at = to - 1; at >= least; at -= 1) if ((cuts[at] ?? 0) > (cuts[best] ?? 0)) best = at;
  return best;
}

/** Returns the first of the best cuts from `earliest` to `end`, where the previous passage ended. */
function nextStart(cuts: readonly Cut[], earliest: number, end: number): number {
  let best = end;
  for (let at = end - 1; at >= earliest; at -= 1) if ((cuts[at] ?? 0) >= (cuts[best] ?? 0)) best = at;
  return best;
}
