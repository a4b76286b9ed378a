import * as z from "zod";
import type { InputSource } from "./input-source.ts";

/** Scalar columns side by side: each gives one value of a row. */
interface StackedColumnsPlan {
  readonly kind: "stack";
  readonly columns: readonly string[];
}

/** More names than these say nothing to a reader. */
const MOST_NAMES = 4;

export const stackedColumns = {
  kind: "stack",
  schema: z.object({ kind: z.literal("stack"), columns: z.array(z.string()).readonly() }),
  cell: "value",
  marksPadding: false,
  columns: ({ columns }) => columns,
  describe: ({ columns }) => {
    if (columns.length <= MOST_NAMES) return `columns ${columns.join(", ")}`;
    return `${columns.length} columns ${columns[0]}, ${columns[1]}, ..., ${columns.at(-1)}`;
  },
} as const satisfies InputSource<StackedColumnsPlan>;
