import type { SpanStrategy } from "./op.ts";

/** Token of a text, with the model's scores. */
interface LabelledToken {
  /** `[start, end)` in the text. */
  readonly start: number;
  readonly end: number;
  /** The token continues the previous token's word. */
  readonly continues: boolean;
  /** Raw scores by class, from the model. */
  readonly logits: ArrayLike<number>;
}

interface Labels {
  readonly names: readonly string[];
  /** Labels that make no span. */
  readonly ignore: readonly string[];
}

/** Stretch of a text with one label. */
interface TokenSpan {
  readonly label: string;
  /** Probability. A span of several tokens or words has their mean. */
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** Token or whole word, with its probability by class. */
interface Scored {
  readonly start: number;
  readonly end: number;
  readonly scores: readonly number[];
}

/**
 * Aggregates tokens to spans, as the token classification pipeline of the transformers library does. Labels
 * `B-X` and `I-X` belong to one group X, and `B-X` starts a new span. Another label is a group of its own.
 *
 * @param tokens without special tokens
 */
export function tokenSpans(
  tokens: readonly LabelledToken[],
  { names, ignore }: Labels,
  strategy: SpanStrategy,
): readonly TokenSpan[] {
  const scored = tokens.map(({ start, end, logits }) => ({ start, end, scores: softmax(logits) }));
  const parts = strategy === "none" || strategy === "simple" ? scored : wordsOf(tokens, scored, strategy);
  const labelled = parts.map(({ start, end, scores }): TokenSpan => {
    const best = argmax(scores);
    return { label: names[best] ?? "", score: scores[best] ?? 0, start, end };
  });
  const spans = strategy === "none" ? labelled : grouped(labelled);
  return spans.filter(({ label }) => !ignore.includes(label));
}

type WordStrategy = Exclude<SpanStrategy, "none" | "simple">;

function wordsOf(
  tokens: readonly LabelledToken[],
  scored: readonly Scored[],
  strategy: WordStrategy,
): readonly Scored[] {
  const words: Scored[][] = [];
  for (const [index, token] of scored.entries()) {
    const word = words.at(-1);
    if (word !== undefined && tokens[index]?.continues === true) word.push(token);
    else words.push([token]);
  }
  return words.map((word) => ({
    start: word[0]?.start ?? 0,
    end: word.at(-1)?.end ?? 0,
    scores: wordScores(word, strategy),
  }));
}

function wordScores(word: readonly Scored[], strategy: WordStrategy): readonly number[] {
  const first = word[0]?.scores ?? [];
  switch (strategy) {
    case "first":
      return first;
    case "average":
      return first.map((_, label) => mean(word.map(({ scores }) => scores[label] ?? 0)));
    case "max":
      // A stable sort: of equals, the first wins.
      return word.toSorted((a, b) => Math.max(...b.scores) - Math.max(...a.scores))[0]?.scores ?? [];
  }
}

/** Joins adjacent parts of one group. */
function grouped(parts: readonly TokenSpan[]): readonly TokenSpan[] {
  const groups: TokenSpan[][] = [];
  for (const part of parts) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isSame = last !== undefined && groupOf(part.label) === groupOf(last.label);
    if (isSame && !part.label.startsWith("B-")) group?.push(part);
    else groups.push([part]);
  }
  return groups.map((group) => ({
    label: bare(group[0]?.label ?? ""),
    score: mean(group.map(({ score }) => score)),
    start: group[0]?.start ?? 0,
    end: group.at(-1)?.end ?? 0,
  }));
}

/** Returns the key that adjacent parts of one group share. */
function groupOf(label: string): string {
  return label.startsWith("B-") || label.startsWith("I-") ? label.slice(2) : label;
}

/** Returns a group's name: the label from behind its first dash, if it has a dash. */
function bare(label: string): string {
  return label.slice(label.indexOf("-") + 1);
}

function softmax(logits: ArrayLike<number>): readonly number[] {
  const values = Array.from(logits);
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function argmax(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value > (values[best] ?? 0) ? at : best), 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
