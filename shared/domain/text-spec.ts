import * as z from "zod";
import { ZOD } from "../core/zod.ts";
import { columnName } from "../input-sources/input-source.ts";
import { checkFilePlace, checkSplitRules } from "./job-rules.ts";
import { SPAN_STRATEGIES } from "./step-binding.ts";

/** Above this, a number is a slip of the keyboard. */
const MAX_TOKENS = 16_777_216;

const tokenizer = z
  .string()
  .min(1)
  .max(1_000_000)
  .superRefine((found, context) => checkFilePlace(found, context));
const tokens = z.int().min(1).max(MAX_TOKENS);

/** The keys of an input that is made of text. */
export const TEXT_KEYS = {
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
  offsets: columnName(ZOD)
    .exactOptional()
    .describe(
      "With `tokenizer`, of one text: a column of this name is made, which says of each token where it lies in the text, and " +
        "may be kept or read by a step. See [text](#text).",
    ),
  truncated: columnName(ZOD)
    .exactOptional()
    .describe(
      "With `tokenizer`: a column of this name is made, true where `maxTokens` cut something off. It may be kept, counted in " +
        "`reduce`, or read by a step.",
    ),
  types: columnName(ZOD)
    .exactOptional()
    .describe(
      "Another input that is made of text by a `tokenizer`: of each of its tokens the type, which is the text of the pair " +
        "that it is from. `token_type_ids: { types: input_ids }`.",
    ),
};

/** Texts cut into passages: a step. */
export const splitSpec = z
  .strictObject({
    column: columnName(ZOD).describe("The column of text; behind the step, that of the passages."),
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
  .superRefine(checkSplitRules);

/** Labels of a class: its names. */
const MAX_LABELS = 1_048_576;

/** Tokens that a model gave labels, as spans of their text: a step. */
export const spansSpec = z.strictObject({
  logits: columnName(ZOD).describe(
    "The output of a score for each label of each token: it is not published.",
  ),
  text: columnName(ZOD).describe("The column of the texts."),
  offsets: columnName(ZOD).describe(
    "The column that `offsets` of their input names: it is not published, either.",
  ),
  column: columnName(ZOD).default("spans").describe("The column that is made."),
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
