import type { Zod } from "../core/zod.ts";
import { CAST_HINT, type ColumnSource, columnName, noNumbers } from "./input-source.ts";
import { isMaskName } from "./position-mask.ts";

/**
 * Returns hints about numbers in a text column. Types come first: a few cells can make a number column text.
 */
function textHint(column: string, untyped: string, fromText: readonly string[]): string {
  const typed = `for numbers in ${untyped}, set \`input.types: { ${column}: float64 }\`: other values become dead letters`;
  return [
    ...(untyped === "" ? [] : [typed]),
    ...fromText,
    "cast numbers that are written as text in `map.prepare`",
  ].join("; ");
}

/** Readings of a cell's bytes: each byte is a value, or the bytes are values of the tensor's type. */
const BYTES = ["uint8", "raw"] as const;
export type BytesReading = (typeof BYTES)[number];

interface OneColumnBinding {
  readonly kind: "one";
  readonly column: string;
  /** Reading of a column of bytes, the same for all of its rows. */
  readonly bytes?: BytesReading;
}

interface OneColumnSpec {
  /** Default: the column of the input's own name. */
  readonly column?: string;
  readonly bytes?: BytesReading;
}

/** Column whose cell holds a row, or its positions: a number, a list or bytes. */
export const oneColumn = {
  kind: "one",
  rows: "cell",
  key: "column",
  keys: (z: Zod) => ({
    column: columnName(z)
      .exactOptional()
      .describe(
        "The column that feeds this ONNX input. Default, without `columns`: the column of the same name.",
      ),
    bytes: z
      .enum(BYTES)
      .exactOptional()
      .describe(
        "How a column of bytes is read: `uint8`, each byte is a value, or `raw`, little-endian values of the input's type. " +
          "Default: the one that fits cells of a fixed size, else `uint8`.",
      ),
  }),
  schema: (z: Zod) =>
    z.object({ kind: z.literal("one"), column: z.string(), bytes: z.enum(BYTES).exactOptional() }),
  bind: ({ column, bytes }: OneColumnSpec, { input, isText, fromText, find, report }) => {
    const path = column === undefined ? [] : ["column"];
    const name = column ?? input;
    const found = find(name, path);
    if (found === null) return null;
    const isOfBytes = found.cell?.kind === "bytes" || found.cell?.kind === "bytesPerRow";
    if (bytes !== undefined && !isOfBytes) {
      const expected = "a column of bytes";
      report({
        path: ["bytes"],
        part: "key",
        what: "`bytes` is for a column of bytes",
        expected,
        found: found.type,
      });
      return null;
    }
    if (found.cell !== null) {
      return {
        binding: { kind: "one", column: name, ...(isOfBytes ? { bytes: bytes ?? "uint8" } : {}) },
        cell: found.cell,
        found: `\`${name}\`: ${found.type}`,
      };
    }
    const what = `column \`${name}\` cannot feed a model`;
    report({
      path,
      part: "value",
      expected: isText ? "text, or a list of texts" : "numbers, a list of numbers, or binary",
      found: found.type,
      ...(isText
        ? { what, hint: CAST_HINT }
        : {
            ...(found.type === "string" ? { hint: textHint(name, found.untyped, fromText) } : {}),
            ...noNumbers(found, what),
          }),
    });
    return null;
  },
  columns: ({ column }) => [column],
  describe: ({ column, bytes }: OneColumnBinding) => {
    if (bytes === undefined) return `column ${column}`;
    return `column ${column} (${bytes === "raw" ? "bytes are raw values" : "each byte is a value"})`;
  },
  marksPadding: ({ tensor }) => isMaskName(tensor),
} as const satisfies ColumnSource<OneColumnBinding>;
