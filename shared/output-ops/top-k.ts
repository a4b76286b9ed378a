import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { greatestIndices, labelProblems, labelsBinding, labelsKey } from "./classes.ts";
import type { OpRow, OpSpec, OutputOp } from "./output-op.ts";

/** More classes are a typing error. */
const MAX_K = 100_000;

interface TopKBinding {
  readonly kind: "topK";
  readonly k: number;
  /** Class names. Null: the second column holds indices. */
  readonly labels: readonly string[] | null;
}

interface TopKSpec {
  readonly k?: number;
  readonly labels?: readonly string[];
}

/**
 * The `k` greatest scores and their classes, greatest first. The lower index comes first among equal scores.
 */
export const topK = {
  kind: "topK",
  summary: "the `k` largest",
  keys: (z: Zod) => ({
    k: z.int().min(1).max(MAX_K).exactOptional().describe("With `op: topK`: number of classes."),
    labels: labelsKey(z),
  }),
  required: { k: "a whole number of at least 1" },
  needs: "classes",
  takesPositions: false,
  isRanked: true,
  schema: (z: Zod) => z.object({ kind: z.literal("topK"), k: z.int().min(1), labels: labelsBinding(z) }),
  suffixes: ({ labels }: OpSpec) => ["_values", labels === undefined ? "_indices" : "_labels"],
  problems: ({ k = 0, labels }: TopKSpec, { values }: OpRow) => [
    ...(k <= values
      ? []
      : [{ key: "k", what: "more than there are classes", expected: `at most ${values}`, found: String(k) }]),
    ...labelProblems(labels, values),
  ],
  bind: ({ k, labels }: TopKSpec) => ({
    kind: "topK",
    k: present(k, "topK has a k"),
    labels: labels ?? null,
  }),
  describe: ({ k }) => `topK ${k}`,
  columns: ({ k, labels }) => [
    { suffix: "_values", type: "float32", length: k },
    labels === null
      ? { suffix: "_indices", type: "int32", length: k }
      : { suffix: "_labels", type: "int32", length: k, labels },
  ],
  write: ({ k }, columns) => {
    const values = present(columns[0], "topK makes a column of values");
    const indices = present(columns[1], "topK makes a column of classes");
    return (scores, row, at) => {
      greatestIndices(scores, row, indices, { from: at * k, count: k });
      for (let place = at * k; place < (at + 1) * k; place += 1) {
        values[place] = scores.values[row * scores.width + (indices[place] ?? 0)] ?? 0;
      }
    };
  },
} as const satisfies OutputOp<TopKBinding>;
