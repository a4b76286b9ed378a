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
        "The `tokenizer.json` that turns the text in the columns into the input's token ids. Two `columns` are a pair of texts. Default: that of the model's folder, if the input takes ids and its columns hold text. See [text](#text).",
      ),
    maxTokens: tokens
      .exactOptional()
      .describe(
        "With `tokenizer`: the limit of tokens in a row, with special tokens. A longer text is cut off. Default: the limit in the model's folder, or else in the tokenizer's file, or else none. The default never exceeds the model's positions in its folder.",
      ),
    truncation: z
      .enum(["right", "left"])
      .exactOptional()
      .describe(
        "With `tokenizer`: the side of the text that is cut off. Default: that in these files, or else `right`.",
      ),
    prefix: z
      .string()
      .max(100_000)
      .exactOptional()
      .describe(
        'With `tokenizer`: a text that is put before each text, such as `"query: "`. In a pair, it is put before the first text.',
      ),
    specialTokens: z
      .boolean()
      .exactOptional()
      .describe(
        "With `tokenizer`: whether the special tokens of its template (`[CLS]`, `</s>`) are added. Default: true.",
      ),
    offsets: columnName(z)
      .exactOptional()
      .describe(
        "With `tokenizer` and one text: adds a column of this name, with the offsets of each token in the text. It may be kept, or read by a step. See [text](#text).",
      ),
    truncated: columnName(z)
      .exactOptional()
      .describe(
        "With `tokenizer`: adds a column of this name, which is true where `maxTokens` cut off text. It may be kept, counted in `reduce`, or read by a step.",
      ),
    types: columnName(z)
      .exactOptional()
      .describe(
        "Another input with a `tokenizer`. This input gets the type of each of its tokens: the text of the pair that the token is from. `token_type_ids: { types: input_ids }`.",
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
      column: columnName(z).describe("The column of text. After the step, it has the passages."),
      tokenizer: tokenizer.describe("The `tokenizer.json` that counts the tokens of passages."),
      tokens: tokens.describe("The limit of tokens in a passage, with special tokens."),
      overlap: z
        .int()
        .min(0)
        .max(MAX_TOKENS)
        .default(0)
        .describe("The limit of tokens at the end of a passage that the next passage repeats."),
      sentences: z
        .boolean()
        .default(false)
        .describe(
          "Cuts between sentences, unless that leaves half of a passage empty. Otherwise it cuts between words.",
        ),
    })
    .superRefine(({ tokens, overlap }, context) => {
      if (overlap < tokens) return;
      // With a full overlap, passages would make no progress.
      const found = `${overlap}, of passages of ${tokens}`;
      refuse(context, ["overlap"], "is a whole passage or more", { expected: "less than `tokens`", found });
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
      "The output with a score for each label of each token. It is not published.",
    ),
    text: columnName(z).describe("The column of the texts."),
    offsets: columnName(z).describe(
      "The column that `offsets` of the texts' input names. It is not published, either.",
    ),
    column: columnName(z).default("spans").describe("The column that is added."),
    strategy: z
      .enum(SPAN_STRATEGIES)
      .default("simple")
      .describe(
        "`none`: each token is a span, with its own label. Otherwise adjacent tokens of one label are one span. `simple`: each token has its own label. The others give a word one label. `first`: that of its first token. `average`: by the mean of its tokens' scores. `max`: that of the token with the highest score.",
      ),
    labels: z
      .array(z.string())
      .min(1)
      .max(MAX_LABELS)
      .exactOptional()
      .describe("The names of the classes, in order. Default: those of the model's folder."),
    ignore: z.array(z.string()).max(1_000).default(["O"]).describe("Labels that make no spans."),
  });
}

/** Keys that exclude `tokenizer`, whose source is one text column or a pair. */
export function tokenizerExcludes(fileKeys: readonly string[]): readonly string[] {
  return ["bytes", "mask", "positions", "lengths", "value", ...fileKeys, "shape", "fill"];
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
      refuse(context, [key], `\`${key}\` is for text`, { expected: "a `tokenizer` with it" });
    return;
  }
  for (const key of said(excludes))
    refuse(context, [key], `\`tokenizer\` and \`${key}\` exclude each other`, {
      expected: "`tokenizer` alone",
    });
  if (columns === undefined || (Array.isArray(columns) && columns.length === 2)) return;
  refuse(context, ["columns"], "a tokenizer needs one text or a pair", {
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
