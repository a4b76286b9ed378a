import type { Zod } from "../core/zod.ts";
import { CAST_HINT, type ColumnSource, columnName } from "./input-source.ts";
import { isMaskName } from "./position-mask.ts";

const TEXT_HINT =
  "`tokenizer`, a tokenizer.json such as that of the model's folder, makes token ids of text; `image` and `sound` make " +
  "values of the files that it names; `map.prepare` casts numbers that are written as text";

interface OneColumnBinding {
  readonly kind: "one";
  readonly column: string;
}

interface OneColumnSpec {
  /** Left out: the column of the input's own name. */
  readonly column?: string;
}

/** A column whose cell holds a row, or its positions: a number, a list or bytes. */
export const oneColumn = {
  kind: "one",
  rows: "cell",
  key: "column",
  keys: (z: Zod) => ({
    column: columnName(z)
      .exactOptional()
      .describe(
        "The column that feeds this ONNX input. Left out, with `columns` too: the column of the same name.",
      ),
  }),
  schema: (z: Zod) => z.object({ kind: z.literal("one"), column: z.string() }),
  bind: ({ column }: OneColumnSpec, { input, isText, find, report }) => {
    const path = column === undefined ? [] : ["column"];
    const name = column ?? input;
    const found = find(name, path);
    if (found === null) return null;
    if (found.cell !== null) {
      return {
        binding: { kind: "one", column: name },
        cell: found.cell,
        found: `\`${name}\`: ${found.type}`,
      };
    }
    report({
      path,
      part: "value",
      what: `column \`${name}\` cannot feed a model`,
      expected: isText ? "text, or a list of texts" : "numbers, a list of numbers, or binary",
      found: found.type,
      ...(isText ? { hint: CAST_HINT } : found.type === "string" ? { hint: TEXT_HINT } : {}),
    });
    return null;
  },
  columns: ({ column }) => [column],
  describe: ({ column }) => `column ${column}`,
  marksPadding: ({ tensor }) => isMaskName(tensor),
} as const satisfies ColumnSource<OneColumnBinding>;
