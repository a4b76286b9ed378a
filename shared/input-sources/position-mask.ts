import * as z from "zod";
import type { InputSource } from "./input-source.ts";

/** 1 for each position that the input `of` has in a row, 0 for padding. */
interface PositionMaskPlan {
  readonly kind: "mask";
  readonly of: string;
}

export const positionMask = {
  kind: "mask",
  schema: z.object({ kind: z.literal("mask"), of: z.string() }),
  cell: "row",
  marksPadding: true,
  columns: () => [],
  describe: ({ of }) => `mask of ${of}`,
  value: () => 1,
} as const satisfies InputSource<PositionMaskPlan>;
