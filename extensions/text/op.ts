import type { Zod } from "../../shared/core/zod.ts";

/** Step that makes token ids of texts. Its file is the tokenizer. */
export interface TokenizeOp {
  /** Text columns: one, or a pair. */
  readonly texts: readonly string[];
  /** Text in front of each text, or of the first text of a pair. */
  readonly prefix: string;
  /** Token limit of a row, special tokens included. Null: no limit. */
  readonly maxTokens: number | null;
  readonly truncation: "left" | "right";
  readonly specialTokens: boolean;
  /** Columns that the step makes, with a list in each row. */
  readonly ids: string;
  readonly types: string;
  /** Column of token offsets, a list of structs. Null: not requested. */
  readonly offsets: string | null;
  /** Column that is true where a text was cut off. Null: not requested. */
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

/** Describes the step: `at most 256 tokens a row, cut off at the right`. */
export function tokenizeText({ maxTokens, truncation, specialTokens, prefix }: TokenizeOp): string {
  const limit =
    maxTokens === null ? "all tokens" : `at most ${maxTokens} tokens a row, cut off on the ${truncation}`;
  const behind = prefix === "" ? "" : `, behind ${JSON.stringify(prefix)}`;
  return `${limit}${specialTokens ? "" : ", no special tokens"}${behind}`;
}

/** Rules that group tokens into labelled spans: see `map.finish[].spans.strategy` of the job file. */
export const SPAN_STRATEGIES = ["none", "simple", "first", "average", "max"] as const;
export type SpanStrategy = (typeof SPAN_STRATEGIES)[number];

/** Step that makes text spans of labelled tokens. */
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
  /** Token limit of a passage, special tokens included. */
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

/** Facts about a tokenizer in a model's folder. */
export interface TokenizerFacts {
  /** Path of the tokenizer file within the folder. */
  readonly file: string;
  readonly maxTokens: number | null;
  /** File and key that set `maxTokens`. Null with `maxTokens`. */
  readonly maxTokensFrom: string | null;
  /** Number of positions in the model. A row of more tokens fails. */
  readonly mostTokens: number | null;
  readonly truncation: "left" | "right" | null;
  /** Texts to write in front of a text, by name: `{ query: "query: " }`. */
  readonly prompts: Readonly<Record<string, string>>;
}

/** File of a whole tokenizer, in the format of the tokenizers library. */
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

/** Returns the folder's limits, which decide how texts are cut off unless an input has its own. */
export function tokenLimits({ maxTokens, mostTokens, truncation }: TokenizerFacts): object {
  return { tokenLimits: [maxTokens, mostTokens, truncation] };
}
