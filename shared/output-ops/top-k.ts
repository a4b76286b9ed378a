import * as z from "zod";
import { present } from "../core/assert.ts";
import { isGreater, LABELS_KEY, LABELS_PLAN, labelProblems } from "./classes.ts";
import type { ColumnValues, OpSpec, OutputOp, Scores } from "./output-op.ts";

/** More classes than this are a slip of the keyboard. */
const MAX_K = 100_000;

export interface TopKPlan {
  readonly kind: "topK";
  readonly k: number;
  /** Null: the second column holds indices. */
  readonly labels: readonly string[] | null;
}

interface TopKSpec {
  readonly k?: number;
  readonly labels?: readonly string[];
}

/** The `k` greatest scores and their classes, greatest first, the lower index first among equals. */
export const topK = {
  kind: "topK",
  summary: "the `k` largest",
  keys: {
    k: z.int().min(1).max(MAX_K).exactOptional().describe("With `op: topK`: how many."),
    labels: LABELS_KEY,
  },
  required: { k: "a whole number of at least 1" },
  needs: "classes",
  takesSteps: false,
  isRanked: true,
  schema: z.object({ kind: z.literal("topK"), k: z.int().min(1), labels: LABELS_PLAN }),
  suffixes: ({ labels }: OpSpec) => ["_values", labels === undefined ? "_indices" : "_labels"],
  problems: ({ k = 0, labels }: TopKSpec, values) => [
    ...(k <= values
      ? []
      : [{ key: "k", what: "more than there are classes", expected: `at most ${values}`, found: String(k) }]),
    ...labelProblems(labels, values),
  ],
  plan: ({ k, labels }: TopKSpec) => ({
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
      topKInto(scores, row, k, indices, at * k);
      for (let place = at * k; place < (at + 1) * k; place += 1) {
        values[place] = scores.values[row * scores.width + (indices[place] ?? 0)] ?? 0;
      }
    };
  },
} as const satisfies OutputOp<TopKPlan>;

/**
 * The indices of a row's `k` greatest scores, from `at` on. By insertion: k is small, and most scores are
 * below the k-th.
 */
function topKInto({ values, width }: Scores, row: number, k: number, target: ColumnValues, at: number): void {
  const first = row * width;
  const last = at + k - 1;
  let found = at;
  for (let index = 0; index < width; index += 1) {
    const score = values[first + index] ?? 0;
    if (found > last && !isGreater(score, values[first + (target[last] ?? 0)] ?? 0)) continue;
    let place = Math.min(found, last);
    while (place > at && isGreater(score, values[first + (target[place - 1] ?? 0)] ?? 0)) {
      target[place] = target[place - 1] ?? 0;
      place -= 1;
    }
    target[place] = index;
    if (found <= last) found += 1;
  }
}
