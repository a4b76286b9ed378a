import type { Zod } from "../../shared/core/zod.ts";

/** Step that makes token ids of texts. Its file is the tokenizer. */
export interface TokenizeOp {
  /** Columns of text: one, or a pair. */
  readonly texts: readonly string[];
  /** Text in front of each text, of a pair in front of the first. */
  readonly prefix: string;
  /** Most tokens of a row, special ones counted. Null: all. */
  readonly maxTokens: number | null;
  /** Side that is cut off. */
  readonly truncation: "left" | "right";
  readonly specialTokens: boolean;
  /** Columns that it makes: a list for each row. */
  readonly ids: string;
  readonly types: string;
  /** Column of the places of tokens, a list of structs. Null: the job names none. */
  readonly offsets: string | null;
  /** Column that says whether a text was cut off. Null: the job names none. */
  readonly truncated: string | null;
}

export function tokenizeOp(z: Zod) {
  return z.object({
    texts: z.array(z.string()),
    prefix: z.string(),
    maxTokens: z.int().min(0).nullable(),
    truncation: z.enum(["left", "right"]),
    specialTokens: z.boolean(),
    ids: z.string(),
    types: z.string(),
    offsets: z.string().nullable(),
    truncated: z.string().nullable(),
  });
}

/** Describes what becomes of texts: `at most 256 tokens a row, cut off at the right`. */
export function tokenizeText({ maxTokens, truncation, specialTokens, prefix }: TokenizeOp): string {
  const limit =
    maxTokens === null ? "all tokens" : `at most ${maxTokens} tokens a row, cut off at the ${truncation}`;
  const behind = prefix === "" ? "" : `, behind ${JSON.stringify(prefix)}`;
  return `${limit}${specialTokens ? "" : ", no special ones"}${behind}`;
}

/** Which tokens have one label, and become one span: see `map.finish[].spans.strategy` of the job file. */
export const SPAN_STRATEGIES = ["none", "simple", "first", "average", "max"] as const;
export type SpanStrategy = (typeof SPAN_STRATEGIES)[number];

/** Step that makes spans of text of labelled tokens. */
export interface SpansOp {
  readonly logits: string;
  readonly text: string;
  readonly offsets: string;
  readonly column: string;
  readonly strategy: SpanStrategy;
  readonly labels: readonly string[];
  readonly ignore: readonly string[];
}

export function spansOp(z: Zod) {
  return z.object({
    logits: z.string(),
    text: z.string(),
    offsets: z.string(),
    column: z.string(),
    strategy: z.enum(SPAN_STRATEGIES),
    labels: z.array(z.string()),
    ignore: z.array(z.string()),
  });
}

export function spansText({ strategy, labels }: SpansOp): string {
  return `${strategy}, of ${labels.length} labels`;
}

/** Step that cuts texts into passages, a row for each. Its file is the tokenizer. */
export interface SplitOp {
  readonly column: string;
  /** Most tokens of a passage, special ones counted. */
  readonly tokens: number;
  readonly overlap: number;
  readonly sentences: boolean;
}

export function splitOp(z: Zod) {
  const count = z.int().min(0);
  return z.object({ column: z.string(), tokens: count, overlap: count, sentences: z.boolean() });
}

export function splitText({ tokens, overlap, sentences }: SplitOp): string {
  const again = overlap === 0 ? "" : `, ${overlap} of them twice`;
  return `passages of at most ${tokens} tokens${again}${sentences ? ", by sentences" : ""}`;
}

/** Facts of a model's folder about its tokenizer. */
export interface TokenizerFacts {
  /** File of the tokenizer, from the folder. */
  readonly file: string;
  readonly maxTokens: number | null;
  /** File with the key that says so. Null with `maxTokens`. */
  readonly maxTokensFrom: string | null;
  /** Positions that the model has: a row of more tokens fails. */
  readonly mostTokens: number | null;
  readonly truncation: "left" | "right" | null;
  /** Texts that are written in front of a text, by name: `{ query: "query: " }`. */
  readonly prompts: Readonly<Record<string, string>>;
}

/** The library's own format, which holds a whole tokenizer. */
export const TOKENIZER_FILE = "tokenizer.json";

export function tokenizerText({ file, maxTokens, mostTokens, truncation, prompts }: TokenizerFacts): string {
  const parts = [file];
  if (maxTokens !== null) parts.push(`at most ${maxTokens} tokens`);
  else if (mostTokens !== null) parts.push(`the model has positions for ${mostTokens} tokens`);
  if (truncation !== null) parts.push(`cut on the ${truncation}`);
  const names = Object.entries(prompts).map(([name, text]) => `${name} ${JSON.stringify(text)}`);
  if (names.length > 0) parts.push(`prefixes: ${names.join(", ")}`);
  return parts.join("; ");
}

/** Reads from the facts where texts are cut off, unless an input says so itself. */
export function tokenLimits({ maxTokens, mostTokens, truncation }: TokenizerFacts): object {
  return { tokenLimits: [maxTokens, mostTokens, truncation] };
}
