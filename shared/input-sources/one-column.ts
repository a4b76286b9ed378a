import * as z from "zod";
import type { InputSource } from "./input-source.ts";

/** A column whose cell holds a row, or its positions: a number, a list or bytes. */
interface OneColumnPlan {
  readonly kind: "one";
  readonly column: string;
}

export const oneColumn = {
  kind: "one",
  schema: z.object({ kind: z.literal("one"), column: z.string() }),
  cell: "row",
  marksPadding: false,
  columns: ({ column }) => [column],
  describe: ({ column }) => `column ${column}`,
} as const satisfies InputSource<OneColumnPlan>;
