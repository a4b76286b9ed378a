import type { Zod } from "../core/zod.ts";
import { columnName, type ValueSource } from "./input-source.ts";

interface RowLengthBinding {
  readonly kind: "lengths";
  readonly of: string;
}

interface RowLengthSpec {
  readonly lengths?: string;
}

/** Checks whether exporters give this name to the lengths of rows: `input_lengths`, `x_lens`, `length`. */
function isLengthsName(tensor: string): boolean {
  return /(^|_)(len|lens|length|lengths)$/i.test(tensor);
}

/** Source with the number of positions that the input `of` has in a row. It marks padding for the model. */
export const rowLength = {
  kind: "lengths",
  rows: "value",
  per: ["row"],
  key: "lengths",
  keys: (z: Zod) => ({
    lengths: columnName(z)
      .exactOptional()
      .describe(
        "Instead of a column, another input whose rows are of uneven length: the number of positions that a row has, " +
          "before `scale` and `offset`. `input_lengths: { lengths: input }`. Shorter rows are then padded.",
      ),
  }),
  excludes: {
    keys: ["shape", "fill", "pad"],
    why: "lengths are counted: no column feeds them, nothing in them is missing",
  },
  schema: (z: Zod) => z.object({ kind: z.literal("lengths"), of: z.string() }),
  bind: ({ lengths = "" }: RowLengthSpec) => ({ kind: "lengths", of: lengths }),
  positionsOf: ({ of }) => of,
  value: () => "count",
  describe: ({ of }) => `lengths of ${of}`,
  marksPadding: ({ scale }) => scale !== 0,
  offer: (tensor) =>
    isLengthsName(tensor)
      ? `\`lengths\` counts the positions of an input that is fed by lists: \`${tensor}: { lengths: input_ids }\``
      : null,
} as const satisfies ValueSource<RowLengthBinding>;
