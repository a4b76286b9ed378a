import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { type OpProblem, type OpRow, type OutputOp, PLAIN_OP } from "./output-op.ts";
import {
  bindVector,
  describeVector,
  noVector,
  type VectorBinding,
  type VectorSpec,
  vectorBinding,
  vectorColumn,
  vectorKeys,
  vectorKeysOf,
  vectorProblems,
  vectorWriter,
} from "./vector.ts";

interface RawBinding {
  readonly kind: "raw";
  /** Form of the vector. Undefined: values are copied unchanged. */
  readonly vector?: VectorBinding;
}

/** Op that copies the tensor's values, or writes a row's vector as the job file says. */
export const raw = {
  ...PLAIN_OP,
  kind: "raw",
  summary: "unchanged, or the vector that `dims`, `normalize` and `as` make of it",
  keys: vectorKeys,
  needs: "anything",
  takesPositions: true,
  isRanked: false,
  schema: (z: Zod) => z.object({ kind: z.literal("raw"), vector: vectorBinding(z).exactOptional() }),
  problems: (spec: VectorSpec, row: OpRow): readonly OpProblem[] => {
    const found = otherThanVector(row);
    if (found === null) return vectorProblems(spec, row.values);
    return vectorKeysOf(spec).map((key) => noVector(key, found));
  },
  bind: (spec: VectorSpec, { values }: OpRow): RawBinding =>
    vectorKeysOf(spec).length === 0 ? { kind: "raw" } : { kind: "raw", vector: bindVector(spec, values) },
  describe: ({ vector }: RawBinding, { values }: OpRow) =>
    vector === undefined ? "" : describeVector(vector, values),
  columns: ({ vector }: RawBinding, { values, perPosition }: OpRow) => [
    vector === undefined
      ? { suffix: "", type: "tensor", length: values === 1 ? null : values, perPosition }
      : vectorColumn(vector),
  ],
  write: ({ vector }: RawBinding, columns) => {
    const kept = present(vector, "what is not copied is a vector");
    const put = vectorWriter(kept, present(columns[0], "raw makes a column"));
    const values = new Float64Array(kept.dims);
    return (scores, row, at) => {
      for (let index = 0; index < kept.dims; index += 1)
        values[index] = scores.values[row * scores.width + index] ?? 0;
      put(values, at);
    };
  },
} as const satisfies OutputOp<RawBinding>;

/** Returns what a row is if it is not a vector of numbers. Null: it is a vector. */
function otherThanVector({ dtype, dims, perPosition }: OpRow): string | null {
  if (dtype === "bool" || dtype === "string") return `values that are ${dtype}`;
  if (perPosition) return "a value or a vector for each position, which `op: pool` makes one of";
  if (dims.filter((dim) => dim > 1).length > 1) return `[${dims.join(", ")}] after the batch`;
  return null;
}
