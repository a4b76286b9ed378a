import type { Zod } from "../core/zod.ts";
import { type OpRow, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface RawBinding {
  readonly kind: "raw";
}

/** The tensor's values as they are. */
export const raw = {
  ...PLAIN_OP,
  kind: "raw",
  summary: "as it is",
  needs: "anything",
  takesPositions: true,
  isRanked: false,
  schema: (z: Zod) => z.object({ kind: z.literal("raw") }),
  bind: () => ({ kind: "raw" }),
  describe: () => "",
  columns: (_binding, { values, perPosition }: OpRow) => [
    { suffix: "", type: "tensor", length: values === 1 ? null : values, perPosition },
  ],
} as const satisfies OutputOp<RawBinding>;
