import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { labelProblems, labelsBinding, labelsKey } from "./classes.ts";
import { type OpProblem, type OpRow, type OpSpec, type OutputOp, PLAIN_OP } from "./output-op.ts";
import { sigmoidOf } from "./sigmoid.ts";

const ACTIVATIONS = ["sigmoid", "none"] as const;
type Activation = (typeof ACTIVATIONS)[number];

interface ThresholdBinding {
  readonly kind: "threshold";
  readonly threshold: number;
  readonly activation: Activation;
  /** Class names. Null: the second column holds indices. */
  readonly labels: readonly string[] | null;
}

interface ThresholdSpec {
  readonly threshold?: number;
  readonly activation?: Activation;
  readonly labels?: readonly string[];
}

/**
 * Classes of a row with a score of at least a threshold, in index order. There may be several, or none.
 * Scores are compared as float32, as they are written.
 */
export const threshold = {
  ...PLAIN_OP,
  kind: "threshold",
  summary: "those that reach `threshold`",
  keys: (z: Zod) => ({
    threshold: z
      .number()
      .exactOptional()
      .describe("With `op: threshold`: the lowest score at which a class is kept."),
    activation: z
      .enum(ACTIVATIONS)
      .exactOptional()
      .describe(
        "With `op: threshold`: how the tensor's values become scores. `none`: they are scores already. Default: " +
          "`sigmoid`.",
      ),
    labels: labelsKey(z),
  }),
  required: { threshold: "a number, such as 0.5" },
  needs: "classes",
  isRanked: false,
  schema: (z: Zod) =>
    z.object({
      kind: z.literal("threshold"),
      threshold: z.number(),
      activation: z.enum(ACTIVATIONS),
      labels: labelsBinding(z),
    }),
  suffixes: ({ labels }: OpSpec) => ["_scores", labels === undefined ? "_indices" : "_labels"],
  problems: (spec: ThresholdSpec, { values }: OpRow): readonly OpProblem[] => [
    ...thresholdProblems(spec),
    ...labelProblems(spec.labels, values),
  ],
  bind: (spec: ThresholdSpec): ThresholdBinding => ({
    kind: "threshold",
    threshold: present(spec.threshold, "threshold says from where on"),
    activation: spec.activation ?? "sigmoid",
    labels: spec.labels ?? null,
  }),
  describe: ({ threshold: least, activation }: ThresholdBinding) =>
    `${activation === "none" ? "score" : activation} >= ${least}`,
  columns: ({ labels }: ThresholdBinding, { values }: OpRow) => [
    { suffix: "_scores", type: "float32", length: null, most: values },
    labels === null
      ? { suffix: "_indices", type: "int32", length: null, most: values }
      : { suffix: "_labels", type: "int32", length: null, most: values, labels },
  ],
  writeList: ({ threshold: least, activation }: ThresholdBinding, columns) => {
    const scores = present(columns[0], "threshold makes a column of scores");
    const classes = present(columns[1], "threshold makes a column of classes");
    const lowest = Math.fround(least);
    return ({ values, width }, row) => {
      let found = 0;
      for (let index = 0; index < width; index += 1) {
        const value = values[row * width + index] ?? 0;
        const score = Math.fround(activation === "none" ? value : sigmoidOf(value));
        if (!(score >= lowest)) continue;
        scores[found] = score;
        classes[found] = index;
        found += 1;
      }
      return found;
    };
  },
} as const satisfies OutputOp<ThresholdBinding>;

/** Refuses thresholds outside 0 to 1 for a sigmoid: all classes would pass, or none. */
function thresholdProblems({ threshold: least = 0, activation = "sigmoid" }: ThresholdSpec): OpProblem[] {
  if (activation === "none" || (least >= 0 && least <= 1)) return [];
  return [
    {
      key: "threshold",
      what: "a sigmoid never has this value",
      expected: "a number from 0 to 1",
      found: String(least),
      hint: "set `activation: none` to compare the tensor's own values",
    },
  ];
}
