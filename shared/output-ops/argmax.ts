import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { greatestIndex, labelProblems, labelsBinding, labelsKey } from "./classes.ts";
import { type OpRow, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface ArgmaxBinding {
  readonly kind: "argmax";
  /** Class names. Null: the column holds indices. */
  readonly labels: readonly string[] | null;
}

interface ArgmaxSpec {
  readonly labels?: readonly string[];
}

/** Class with the greatest score, the first one of equal scores. */
export const argmax = {
  ...PLAIN_OP,
  kind: "argmax",
  summary: "index (or label) of the largest",
  keys: (z: Zod) => ({ labels: labelsKey(z) }),
  needs: "classes",
  isRanked: true,
  schema: (z: Zod) => z.object({ kind: z.literal("argmax"), labels: labelsBinding(z) }),
  problems: ({ labels }: ArgmaxSpec, { values }: OpRow) => labelProblems(labels, values),
  bind: ({ labels }: ArgmaxSpec) => ({ kind: "argmax", labels: labels ?? null }),
  describe: () => "argmax",
  columns: ({ labels }) => [
    { suffix: "", type: "int32", length: null, ...(labels === null ? {} : { labels }) },
  ],
  write: (_binding, columns) => {
    const target = present(columns[0], "argmax makes a column");
    return (scores, row, at) => {
      target[at] = greatestIndex(scores, row);
    };
  },
} as const satisfies OutputOp<ArgmaxBinding>;
