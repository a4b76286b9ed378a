import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { type OpRow, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface SigmoidBinding {
  readonly kind: "sigmoid";
}

/** Sigmoid of each value: 1 / (1 + exp(-value)). */
export const sigmoid = {
  ...PLAIN_OP,
  kind: "sigmoid",
  summary: "of each value by itself",
  needs: "numbers",
  isRanked: false,
  schema: (z: Zod) => z.object({ kind: z.literal("sigmoid") }),
  bind: () => ({ kind: "sigmoid" }),
  describe: () => "sigmoid",
  columns: (_binding, { values }: OpRow) => [
    { suffix: "", type: "float32", length: values === 1 ? null : values },
  ],
  write: (_binding, columns) => {
    const target = present(columns[0], "sigmoid makes a column");
    return ({ values, width }, row, at) => {
      for (let index = 0; index < width; index += 1) {
        target[at * width + index] = sigmoidOf(values[row * width + index] ?? 0);
      }
    };
  },
} as const satisfies OutputOp<SigmoidBinding>;

/** Returns the sigmoid of a value, in the form whose exponent cannot overflow. */
export function sigmoidOf(value: number): number {
  if (value >= 0) return 1 / (1 + Math.exp(-value));
  const exp = Math.exp(value);
  return exp / (1 + exp);
}
