import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { expSum, greatestIndex, labelsKey } from "./classes.ts";
import { type OpProblem, type OpRow, type OutputOp, PLAIN_OP, type Scores } from "./output-op.ts";

interface CtcBinding {
  readonly kind: "ctc";
  /** Positions of every row. Null: rows differ in length. */
  readonly positions: number | null;
  /** Text of each class. The blank has none. */
  readonly characters: readonly string[];
  /** Class that means no character. */
  readonly blank: number;
  /** Values are logits: a probability is their softmax. */
  readonly isLogits: boolean;
  /** Spaces at both ends of a text are removed. */
  readonly isTrimmed: boolean;
}

interface CtcSpec {
  readonly labels?: readonly string[];
  readonly blank?: number;
  readonly softmax?: boolean;
}

/** Names that tokenizers of Hugging Face give to the blank. */
const BLANKS: readonly string[] = ["<pad>", "[PAD]"];
/** Character between words in these tokenizers. */
const DELIMITER = "|";

/**
 * Greedy decoding of connectionist temporal classification: the likeliest class at each position. Equal
 * adjacent classes are one character, and the blank is none. The score is the mean of the characters'
 * probabilities at their first positions. A row without characters has the score 0.
 *
 * Source: https://www.cs.toronto.edu/~graves/icml_2006.pdf
 */
export const ctc = {
  ...PLAIN_OP,
  kind: "ctc",
  summary: "text from the likeliest class at each position, and `<column>_score`",
  keys: (z: Zod) => ({
    labels: labelsKey(z),
    blank: z
      .int()
      .min(0)
      .exactOptional()
      .describe(
        "With `op: ctc`: the class that means no character. Default: the label `<pad>` or `[PAD]`, or else 0.",
      ),
    softmax: z
      .boolean()
      .exactOptional()
      .describe(
        "With `op: ctc`: whether the tensor has logits, whose softmax is the score. Default: false, for probabilities.",
      ),
  }),
  required: { labels: "the characters by class, such as `{ file: characters.txt }`" },
  needs: "numbers",
  takesPositions: true,
  isRanked: true,
  schema: (z: Zod) =>
    z.object({
      kind: z.literal("ctc"),
      positions: z.int().min(1).nullable(),
      characters: z.array(z.string()).readonly(),
      blank: z.int().min(0),
      isLogits: z.boolean(),
      isTrimmed: z.boolean(),
    }),
  suffixes: () => ["", "_score"],
  problems: (spec: CtcSpec, row: OpRow): readonly OpProblem[] => {
    const { classes, positions } = sizesOf(row);
    if (positions === null && !row.perPosition) return [noPositions(row)];
    return [...blankProblems(spec, classes), ...characterProblems(spec, classes)];
  },
  bind: (spec: CtcSpec, row: OpRow): CtcBinding => {
    const { classes, positions } = sizesOf(row);
    const blank = blankOf(spec);
    const said = withBlank(spec.labels ?? [], blank, classes);
    const isTokens = BLANKS.includes(said[blank] ?? "");
    const characters = said.map((label, index) => {
      if (index === blank) return "";
      return isTokens && label === DELIMITER ? " " : label;
    });
    const isLogits = spec.softmax ?? false;
    return { kind: "ctc", positions, characters, blank, isLogits, isTrimmed: isTokens };
  },
  describe: ({ characters, blank }: CtcBinding) => `ctc of ${characters.length} classes, blank ${blank}`,
  columns: ({ characters, positions }: CtcBinding) => [
    { suffix: "", type: "int32", length: null, most: positions ?? 1, labels: characters, isJoined: true },
    { suffix: "_score", type: "float32", length: null },
  ],
  writeList: (binding: CtcBinding, columns) => {
    const characters = present(columns[0], "ctc makes a column of text");
    const mean = present(columns[1], "ctc makes a column of scores");
    const decode = decoder(binding, characters);
    const { positions } = binding;
    return (scores, row, own) => {
      const { count, score } = decode(scores, row, positions ?? own);
      mean[0] = score;
      return count;
    };
  },
} as const satisfies OutputOp<CtcBinding>;

function decoder(
  { positions: all, characters, blank, isLogits, isTrimmed }: CtcBinding,
  target: { [index: number]: number },
): (scores: Scores, row: number, positions: number) => { readonly count: number; readonly score: number } {
  const isSpace = characters.map((text) => text === " ");
  return ({ values, width, length }, row, positions) => {
    const classes = characters.length;
    const first = all === null ? row * length : (row * width) / classes;
    let [previous, count, found, sum] = [-1, 0, 0, 0];
    for (let position = first; position < first + positions; position += 1) {
      const at = { values, width: classes, length: 1 };
      const best = greatestIndex(at, position);
      if (best === previous) continue;
      previous = best;
      if (best === blank) continue;
      const value = values[position * classes + best] ?? 0;
      sum += isLogits ? 1 / expSum(at, position, value) : value;
      found += 1;
      if (isTrimmed && count === 0 && isSpace[best]) continue;
      target[count] = best;
      count += 1;
    }
    while (isTrimmed && count > 0 && isSpace[target[count - 1] ?? 0]) count -= 1;
    return { count, score: found === 0 ? 0 : sum / found };
  };
}

/** Returns the classes at a position, and the positions of a row. Null: rows differ in length. */
function sizesOf({ dims, perPosition, values }: OpRow): {
  readonly classes: number;
  readonly positions: number | null;
} {
  if (perPosition) return { classes: values, positions: null };
  const classes = dims.at(-1) ?? 1;
  const isTable = dims.length > 1 && dims.slice(1, -1).every((dim) => dim === 1);
  return { classes, positions: isTable ? (dims[0] ?? 1) : null };
}

function blankOf({ blank, labels = [] }: CtcSpec): number {
  return (
    blank ??
    Math.max(
      0,
      labels.findIndex((label) => BLANKS.includes(label)),
    )
  );
}

/**
 * Adds the classes that lists of characters omit: the blank, and then the space as the last class. PaddleOCR
 * and its descendants omit both.
 */
function withBlank(labels: readonly string[], blank: number, classes: number): readonly string[] {
  if (labels.length === classes) return labels;
  const all = [...labels.slice(0, blank), "", ...labels.slice(blank)];
  return all.length === classes ? all : [...all, " "];
}

function noPositions({ dims }: OpRow): OpProblem {
  return {
    key: "op",
    what: "`ctc` needs the scores of all classes at each position of a row",
    expected: "a tensor `[batch, positions, classes]`",
    found: `[${dims.join(", ")}] after the batch`,
    hint: "for `[positions, batch, classes]`, set `batchAxis: 1`",
  };
}

function blankProblems({ blank = 0 }: CtcSpec, classes: number): readonly OpProblem[] {
  if (blank < classes) return [];
  const expected = `a class from 0 to ${classes - 1}`;
  return [{ key: "blank", what: "is not a class of the model", expected, found: String(blank) }];
}

function characterProblems({ labels }: CtcSpec, classes: number): readonly OpProblem[] {
  const missing = labels === undefined ? 0 : classes - labels.length;
  if (missing >= 0 && missing <= 2) return [];
  return [
    {
      key: "labels",
      what: "not one label for each class",
      expected: `${classes} labels, or ${classes - 1} without the blank, or ${classes - 2} without blank and space`,
      found: `${labels?.length} labels`,
    },
  ];
}
