/** What is known of the tokens of a text, by token. */
export interface TextTokens {
  /** Where they begin and end in the text, in UTF-16 units. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The words that they are parts of; null: of none. */
  readonly words: readonly (number | null | undefined)[];
}

export interface PassageLimits {
  /** Of a passage, at most. */
  readonly tokens: number;
  /** Of a passage that the next one has again, at most; less than `tokens`. */
  readonly overlap: number;
  /** Whether a passage ends with a sentence where it can. */
  readonly sentences: boolean;
}

/** A stretch of a text, in UTF-16 units. */
interface Passage {
  readonly start: number;
  readonly end: number;
}

/** The better a place is for a cut, the higher: within a character, a word, between words, sentences. */
const CUT = { anywhere: 0, character: 1, word: 2, sentence: 3 } as const;
type Cut = (typeof CUT)[keyof typeof CUT];

/**
 * Cuts a text into passages: each begins and ends with a token, each token is in one or more of them, and
 * each ends further on than the one before. They are cut between words, or between sentences where that is
 * wanted, unless that would leave half of a passage empty.
 */
export function cutPassages(text: string, tokens: TextTokens, limits: PassageLimits): readonly Passage[] {
  const { starts, ends } = tokens;
  const cuts = cutsOf(text, tokens, limits.sentences);
  const passages: Passage[] = [];
  const count = starts.length;
  for (let first = 0, last = 0; last < count; ) {
    const to = first + limits.tokens;
    const end = to >= count ? count : bestCut(cuts, { first, from: last + 1, to });
    passages.push({ start: starts[first] ?? 0, end: ends[end - 1] ?? 0 });
    first = nextStart(cuts, Math.max(end - limits.overlap, first + 1), end);
    last = end;
  }
  return passages;
}

/** How good it is to cut in front of each token. */
function cutsOf(text: string, { starts, ends, words }: TextTokens, sentences: boolean): readonly Cut[] {
  const cuts = starts.map((start, at): Cut => {
    const before = ends[at - 1] ?? 0;
    if (start < before) return CUT.anywhere;
    const isWord = words[at] !== words[at - 1] || /\s/.test(text.slice(Math.max(before - 1, 0), start + 1));
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
 * The last of the best places up to `to`, but none that leaves half of the passage empty, or that is before
 * `from`.
 */
function bestCut(cuts: readonly Cut[], { first, from, to }: Record<"first" | "from" | "to", number>): number {
  const least = Math.max(from, Math.ceil((first + to) / 2));
  let best = to;
  for (let at = to - 1; at >= least; at -= 1) if ((cuts[at] ?? 0) > (cuts[best] ?? 0)) best = at;
  return best;
}

/** The first of the best places from `earliest` to `end`, where the last passage ended. */
function nextStart(cuts: readonly Cut[], earliest: number, end: number): number {
  let best = end;
  for (let at = end - 1; at >= earliest; at -= 1) if ((cuts[at] ?? 0) >= (cuts[best] ?? 0)) best = at;
  return best;
}
