import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { expSum, greatestScore } from "./classes.ts";
import { type OutputOp, PLAIN_OP } from "./output-op.ts";

interface MaxSoftmaxBinding {
  readonly kind: "maxSoftmax";
}

/** Probability of the class with the greatest score: 1 / sum(exp(score - greatest)). */
export const maxSoftmax = {
  ...PLAIN_OP,
  kind: "maxSoftmax",
  summary: "the probability of the largest",
  needs: "classes",
  isRanked: true,
  schema: (z: Zod) => z.object({ kind: z.literal("maxSoftmax") }),
  bind: () => ({ kind: "maxSoftmax" }),
  describe: () => "maxSoftmax",
  columns: () => [{ suffix: "", type: "float32", length: null }],
  write: (_binding, columns) => {
    const target = present(columns[0], "maxSoftmax makes a column");
    return (scores, row, at) => {
      target[at] = 1 / expSum(scores, row, greatestScore(scores, row));
    };
  },
} as const satisfies OutputOp<MaxSoftmaxBinding>;
