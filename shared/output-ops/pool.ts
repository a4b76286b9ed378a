import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { type OpProblem, type OpRow, type OutputOp, PLAIN_OP, type Scores } from "./output-op.ts";
import {
  bindVector,
  describeVector,
  type VectorBinding,
  type VectorSpec,
  vectorBinding,
  vectorColumn,
  vectorKeys,
  vectorProblems,
  vectorWriter,
} from "./vector.ts";

const POOLINGS = ["mean", "cls", "max", "last"] as const;
type Pooling = (typeof POOLINGS)[number];

interface PoolBinding {
  readonly kind: "pool";
  readonly pool: Pooling;
  /** Positions of every row. Null: rows differ in length. */
  readonly positions: number | null;
  readonly vector: VectorBinding;
}

interface PoolSpec extends VectorSpec {
  readonly pool?: Pooling;
  readonly positions?: "all";
}

/**
 * Op that pools the vectors at a row's positions into one. Padding that the job added does not count. A row
 * without positions gives zeros.
 */
export const pool = {
  ...PLAIN_OP,
  kind: "pool",
  summary: "one vector made from those at a row's positions",
  keys: (z: Zod) => ({
    pool: z
      .enum(POOLINGS)
      .exactOptional()
      .describe(
        "With `op: pool`: `mean` or `max` of each value over the row's positions, or the vector at the first (`cls`) or " +
          "the `last` of them. Default: as the model's folder says, and then with its `normalize`.",
      ),
    positions: z
      .literal("all")
      .exactOptional()
      .describe(
        "With `op: pool` where all rows have the same number of positions: none of them is padding. Where rows are " +
          "lists of uneven length, each is pooled over its own positions.",
      ),
    ...vectorKeys(z),
  }),
  needs: "numbers",
  takesPositions: true,
  isRanked: false,
  schema: (z: Zod) =>
    z.object({
      kind: z.literal("pool"),
      pool: z.enum(POOLINGS),
      positions: z.int().min(1).nullable(),
      vector: vectorBinding(z),
    }),
  problems: (spec: PoolSpec, row: OpRow): readonly OpProblem[] => [
    ...missingPooling(spec),
    ...(row.perPosition
      ? [...ownPositionsProblems(spec), ...vectorProblems(spec, row.values)]
      : evenProblems(spec, row)),
  ],
  bind: (spec: PoolSpec, row: OpRow): PoolBinding => ({
    kind: "pool",
    pool: present(spec.pool, "pool says how"),
    positions: row.perPosition ? null : (row.dims[0] ?? 1),
    vector: bindVector(spec, vectorValues(row)),
  }),
  describe: ({ pool: how, vector }: PoolBinding, row: OpRow) =>
    [`pool ${how}`, describeVector(vector, vectorValues(row))].filter((part) => part !== "").join(", "),
  columns: ({ vector }: PoolBinding) => [vectorColumn(vector)],
  write: ({ pool: how, positions: all, vector }: PoolBinding, columns) => {
    const put = vectorWriter(vector, present(columns[0], "pool makes a column"));
    const pooled = new Float64Array(vector.dims);
    const pooling = POOLS[how];
    return (scores, row, at, own) => {
      const positions = all ?? own;
      const step = all === null ? scores.width : scores.width / all;
      pooled.fill(0);
      if (positions > 0)
        pooling(scores.values, { from: row * scores.length * scores.width, step, positions }, pooled);
      put(pooled, at);
    };
  },
} as const satisfies OutputOp<PoolBinding>;

/** Returns the count of values in the vector at one position. */
function vectorValues({ dims, values, perPosition }: OpRow): number {
  return perPosition ? values : values / (dims[0] ?? 1);
}

function missingPooling({ pool: how }: PoolSpec): readonly OpProblem[] {
  if (how !== undefined) return [];
  return [
    {
      key: "op",
      what: "`pool` is missing, and no file beside the model gives it",
      expected: `\`pool\`: ${POOLINGS.map((name) => `\`${name}\``).join(", ")}`,
      found: "nothing",
    },
  ];
}

function ownPositionsProblems({ positions }: PoolSpec): readonly OpProblem[] {
  if (positions === undefined) return [];
  return [
    {
      key: "positions",
      what: "rows are lists of uneven length, and each is pooled over its own positions",
      expected: "no `positions`",
      found: `\`${positions}\``,
    },
  ];
}

function evenProblems(spec: PoolSpec, row: OpRow): readonly OpProblem[] {
  const [positions, ...rest] = row.dims;
  if (positions === undefined || rest.length === 0) {
    return [
      {
        key: "op",
        what: "`pool` needs a vector for each position of a row",
        expected: "a tensor `[batch, positions, values]`",
        found: `[${row.dims.join(", ")}] after the batch`,
        hint: "for one vector a row, use `op: raw`, with `normalize`, `dims` and `as` as needed",
      },
    ];
  }
  const problems = vectorProblems(spec, vectorValues(row));
  if (spec.positions === "all" || spec.pool === "cls") return problems;
  return [
    {
      key: "positions",
      what: `every row has ${positions} positions, and nothing says which of them are padding`,
      expected: "`positions: all`, if none is padding",
      found: "no `positions`",
      hint:
        "otherwise feed lists of uneven length, with a `mask` of them: each row is then pooled over its own " +
        "positions. `pool: cls` uses only the first",
    },
    ...problems,
  ];
}

/** Range of a row's positions, `step` values each. */
interface Stretch {
  readonly from: number;
  readonly step: number;
  readonly positions: number;
}

/**
 * Poolings of a row's positions, at least one, into the first values of one vector. `pooled` is zeros on
 * entry.
 */
const POOLS: Readonly<
  Record<Pooling, (values: Scores["values"], stretch: Stretch, pooled: Float64Array) => void>
> = {
  // Adds in float64, position after position, so the result is reproducible.
  mean: (values, { from, step, positions }, pooled) => {
    for (let position = 0; position < positions; position += 1) {
      for (let index = 0; index < pooled.length; index += 1)
        pooled[index] = (pooled[index] ?? 0) + (values[from + position * step + index] ?? 0);
    }
    for (let index = 0; index < pooled.length; index += 1) pooled[index] = (pooled[index] ?? 0) / positions;
  },
  max: (values, { from, step, positions }, pooled) => {
    pooled.fill(-Infinity);
    for (let position = 0; position < positions; position += 1) {
      for (let index = 0; index < pooled.length; index += 1)
        pooled[index] = Math.max(pooled[index] ?? 0, values[from + position * step + index] ?? 0);
    }
  },
  cls: (values, { from }, pooled) => copy(values, from, pooled),
  last: (values, { from, step, positions }, pooled) => copy(values, from + (positions - 1) * step, pooled),
};

function copy(values: Scores["values"], from: number, pooled: Float64Array): void {
  for (let index = 0; index < pooled.length; index += 1) pooled[index] = values[from + index] ?? 0;
}
