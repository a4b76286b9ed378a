import { listNames } from "../core/list-names.ts";
import type { Zod } from "../core/zod.ts";
import { labelProblems, labelsKey } from "./classes.ts";
import { type OpProblem, type OpRow, type OpSpec, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface ColumnsBinding {
  readonly kind: "columns";
  /** Names of the classes: labels, or else indices. */
  readonly names: readonly string[];
}

interface ColumnsSpec {
  readonly labels?: readonly string[];
}

/** Limit of columns. More columns are slow to write and read, and hard to view. A list can hold more. */
export const MOST_CLASS_COLUMNS = 1_000;

/** Op with one column for each class score, as a model with a map of scores intends. */
export const columns = {
  ...PLAIN_OP,
  kind: "columns",
  summary: "a column for each, float32: `<column>_<label>`",
  keys: (z: Zod) => ({ labels: labelsKey(z) }),
  needs: "classes",
  isRanked: false,
  schema: (z: Zod) => z.object({ kind: z.literal("columns"), names: z.array(z.string()).readonly() }),
  suffixes: ({ labels }: OpSpec) => suffixesOf(Array.isArray(labels) ? labels : []),
  problems: ({ labels }: ColumnsSpec, { values }: OpRow): readonly OpProblem[] => {
    if (values <= MOST_CLASS_COLUMNS) return labelProblems(labels, values);
    const expected = `at most ${MOST_CLASS_COLUMNS} classes, or \`op: raw\`: a list`;
    return [{ key: "op", what: "too many columns", expected, found: `${values} classes` }];
  },
  bind: ({ labels }: ColumnsSpec, { values }: OpRow) => ({
    kind: "columns",
    names: labels ?? Array.from({ length: values }, (_, index) => String(index)),
  }),
  describe: ({ names }) => `columns ${listNames(names)}`,
  columns: ({ names }) => suffixesOf(names).map((suffix) => ({ suffix, type: "float32", length: null })),
  write: (_binding, targets) => {
    return ({ values, width }, row, at) => {
      for (const [index, target] of targets.entries()) target[at] = values[row * width + index] ?? 0;
    };
  },
} as const satisfies OutputOp<ColumnsBinding>;

function suffixesOf(names: readonly string[]): readonly string[] {
  return names.map((name) => `_${name}`);
}
