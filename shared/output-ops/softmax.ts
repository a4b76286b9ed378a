import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { expSum, greatestScore } from "./classes.ts";
import { type OpRow, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface SoftmaxBinding {
  readonly kind: "softmax";
}

/** Probability of each class. */
export const softmax = {
  ...PLAIN_OP,
  kind: "softmax",
  summary: "the probability of each",
  needs: "classes",
  isRanked: true,
  schema: (z: Zod) => z.object({ kind: z.literal("softmax") }),
  bind: () => ({ kind: "softmax" }),
  describe: () => "softmax",
  columns: (_binding, { values }: OpRow) => [{ suffix: "", type: "float32", length: values }],
  write: (_binding, columns) => {
    const target = present(columns[0], "softmax makes a column");
    return (scores, row, at) => {
      const { values, width } = scores;
      const greatest = greatestScore(scores, row);
      const sum = expSum(scores, row, greatest);
      for (let index = 0; index < width; index += 1) {
        target[at * width + index] = Math.exp((values[row * width + index] ?? 0) - greatest) / sum;
      }
    };
  },
} as const satisfies OutputOp<SoftmaxBinding>;
