import type { z } from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { columnName } from "../../shared/input-sources/input-source.ts";
import { SPAN_STRATEGIES, type SpanStrategy, type TokenizeOp, type TokenizerFacts } from "./op.ts";

/** Limit of a token count. A larger number is a typing error. */
const MAX_TOKENS = 16_777_216;

/** Keys of a text input. */
export interface TextKeys {
  readonly tokenizer?: string;
  readonly maxTokens?: number;
  readonly truncation?: "left" | "right";
  readonly prefix?: string;
  readonly specialTokens?: boolean;
  readonly offsets?: string;
  readonly truncated?: string;
  readonly types?: string;
}

/** Keys that require `tokenizer`. */
export const TOKENIZER_KEYS = [
  "maxTokens",
  "truncation",
  "prefix",
  "specialTokens",
  "offsets",
  "truncated",
] as const;

/** Builds the schemas of the keys. */
export function textKeys(z: Zod, { file: tokenizer }: SpecParts) {
  const tokens = z.int().min(1).max(MAX_TOKENS);
  return {
    tokenizer: tokenizer
      .exactOptional()
      .describe(
        "The columns hold text, and this `tokenizer.json` makes the input's token ids of it; two `columns` are a pair of " +
          "texts. Left out: that of the model's folder, where the input is one of ids and its columns hold text. See [text](#text).",
      ),
    maxTokens: tokens
      .exactOptional()
      .describe(
        "With `tokenizer`: the tokens of a row at most, special ones counted; what is longer is cut off. Left out: what the " +
          "model's folder says of its tokenizer, else what the tokenizer's file says, or no limit; never more than the folder " +
          "says that the model has positions for.",
      ),
    truncation: z
      .enum(["right", "left"])
      .exactOptional()
      .describe(
        "With `tokenizer`: the side of the text that is cut off. Left out: what these files say, or right.",
      ),
    prefix: z
      .string()
      .max(100_000)
      .exactOptional()
      .describe(
        'With `tokenizer`: stands in front of each text, of a pair in front of the first: `"query: "`.',
      ),
    specialTokens: z
      .boolean()
      .exactOptional()
      .describe(
        "With `tokenizer`: whether the special tokens of its template (`[CLS]`, `</s>`) are added. Left out: true.",
      ),
    offsets: columnName(z)
      .exactOptional()
      .describe(
        "With `tokenizer`, of one text: a column of this name is made, which says of each token where it lies in the text, and " +
          "may be kept or read by a step. See [text](#text).",
      ),
    truncated: columnName(z)
      .exactOptional()
      .describe(
        "With `tokenizer`: a column of this name is made, true where `maxTokens` cut something off. It may be kept, counted in " +
          "`reduce`, or read by a step.",
      ),
    types: columnName(z)
      .exactOptional()
      .describe(
        "Another input that is made of text by a `tokenizer`: of each of its tokens the type, which is the text of the pair " +
          "that it is from. `token_type_ids: { types: input_ids }`.",
      ),
  };
}

/** Value of `split`: cuts texts into passages. */
export interface SplitSpec {
  readonly column: string;
  readonly tokenizer: string;
  readonly tokens: number;
  readonly overlap: number;
  readonly sentences: boolean;
}

export function splitSpec(z: Zod, { file: tokenizer, refuse }: SpecParts): z.ZodType<SplitSpec> {
  const tokens = z.int().min(1).max(MAX_TOKENS);
  return z
    .strictObject({
      column: columnName(z).describe("The column of text; behind the step, that of the passages."),
      tokenizer: tokenizer.describe("The `tokenizer.json` by whose tokens they are measured."),
      tokens: tokens.describe("The tokens of a passage at most, special ones counted."),
      overlap: z
        .int()
        .min(0)
        .max(MAX_TOKENS)
        .default(0)
        .describe("The tokens at the end of a passage, at most, that the next one begins with."),
      sentences: z
        .boolean()
        .default(false)
        .describe(
          "Cut between sentences, unless that leaves half of a passage empty. Else they are cut between words.",
        ),
    })
    .superRefine(({ tokens, overlap }, context) => {
      if (overlap < tokens) return;
      // With a full overlap, passages would make no progress.
      const found = `${overlap}, of passages of ${tokens}`;
      refuse(context, ["overlap"], "is a whole passage, or more", { expected: "less than `tokens`", found });
    });
}

/** Limit of a model's class names. */
const MAX_LABELS = 1_048_576;

/** Value of `spans`: labelled tokens become spans of their text. */
export interface SpansSpec {
  readonly logits: string;
  readonly text: string;
  readonly offsets: string;
  readonly column: string;
  readonly strategy: SpanStrategy;
  readonly labels?: readonly string[];
  readonly ignore: readonly string[];
}

export function spansSpec(z: Zod) {
  return z.strictObject({
    logits: columnName(z).describe(
      "The output of a score for each label of each token: it is not published.",
    ),
    text: columnName(z).describe("The column of the texts."),
    offsets: columnName(z).describe(
      "The column that `offsets` of their input names: it is not published, either.",
    ),
    column: columnName(z).default("spans").describe("The column that is made."),
    strategy: z
      .enum(SPAN_STRATEGIES)
      .default("simple")
      .describe(
        "`none`: each token by itself, with its label as it is. Else tokens of one label that lie side by side are one span. `simple`: " +
          "each token has its own label; `first`, `average`, `max`: a word has one, of its first token, of the mean of its tokens' scores, of " +
          "the token with the highest score.",
      ),
    labels: z
      .array(z.string())
      .min(1)
      .max(MAX_LABELS)
      .exactOptional()
      .describe("The names of the classes, in order. Left out: those of the model's folder."),
    ignore: z.array(z.string()).max(1_000).default(["O"]).describe("Labels of which no span is made."),
  });
}

/** Keys that exclude `tokenizer`, whose source is one text column or a pair. */
export function tokenizerExcludes(fileKeys: readonly string[]): readonly string[] {
  return ["bytes", "mask", "value", ...fileKeys, "shape", "fill"];
}

/**
 * Checks that a text input has one column or two, and that text keys are on text inputs. Without `tokenizer`,
 * planning decides which inputs are text: that needs the columns and the model's folder.
 */
export function checkTextKeys(
  input: TextKeys & { readonly columns?: unknown },
  context: z.core.$RefinementCtx,
  { fileKeys, refuse }: SpecParts,
): void {
  const values = input as Readonly<Record<string, unknown>>;
  const said = (keys: readonly string[]) => keys.filter((key) => values[key] !== undefined);
  const excludes = tokenizerExcludes(fileKeys);
  const { tokenizer, types, columns } = input;
  if (types !== undefined) {
    const others = ["column", "columns", "tokenizer", "pad", ...excludes, ...TOKENIZER_KEYS];
    for (const key of said(others))
      refuse(context, [key], `\`types\` and \`${key}\` exclude each other`, { expected: "`types` alone" });
    return;
  }
  if (input.offsets !== undefined && columns !== undefined)
    refuse(context, ["offsets"], "is for one text", { expected: "`column`, not `columns`" });
  if (tokenizer === undefined) {
    // Any of these keys shows that the input is no text.
    if (said(excludes).length === 0) return;
    for (const key of said(TOKENIZER_KEYS))
      refuse(context, [key], `\`${key}\` is for text`, { expected: "a `tokenizer` beside it" });
    return;
  }
  for (const key of said(excludes))
    refuse(context, [key], `\`tokenizer\` and \`${key}\` exclude each other`, {
      expected: "`tokenizer` alone",
    });
  if (columns === undefined || (Array.isArray(columns) && columns.length === 2)) return;
  refuse(context, ["columns"], "a tokenizer takes one text, or a pair", {
    expected: "`column` for one, or a list of two `columns`",
    found: Array.isArray(columns) ? `a list of ${columns.length}` : "a pattern",
  });
}

interface TokenizerFolder {
  readonly facts: TokenizerFacts;
  /** Checks whether a location is that of a file in the folder. */
  readonly isFile: (named: string, file: string) => boolean;
}

/** Lists the keys that an input gets from the folder: key, value, and the file that sets it. */
export function leftToFolder(
  input: TextKeys,
  { maxTokens, truncation }: TokenizeOp,
  { facts, isFile }: TokenizerFolder,
): readonly (readonly [key: string, value: string, from: string])[] {
  if (input.tokenizer !== undefined && !isFile(input.tokenizer, facts.file)) return [];
  const limit = input.maxTokens === undefined ? limitOf(maxTokens, facts) : [];
  return [
    ...(input.tokenizer === undefined ? [["tokenizer", facts.file, facts.file] as const] : []),
    ...limit.map(([value, from]) => ["maxTokens", value, from] as const),
    ...(input.truncation === undefined && facts.truncation !== null
      ? [["truncation", truncation, "tokenizer_config.json: truncation_side"] as const]
      : []),
  ];
}

function limitOf(maxTokens: number | null, facts: TokenizerFacts): readonly (readonly [string, string])[] {
  if (maxTokens === null) return [];
  const isMost = maxTokens === facts.mostTokens;
  const from = isMost ? "config.json: max_position_embeddings" : facts.file;
  return [[String(maxTokens), maxTokens === facts.maxTokens ? (facts.maxTokensFrom ?? from) : from]];
}
