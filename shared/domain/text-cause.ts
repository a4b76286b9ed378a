/** Why a column of CSV is text though most of its values are numbers, as far as the samples show. */
export type TextCause =
  /** Its fractions have a comma, and the job reads points. */
  | { readonly kind: "comma"; readonly column: string }
  /** Other values are among the numbers. */
  | {
      readonly kind: "values";
      readonly column: string;
      /** The type of the numbers. */
      readonly type: "int64" | "float64";
      /** The first of the other values, and its place. */
      readonly value: string;
      readonly path: string;
      readonly line: number;
      /** The count of other values. */
      readonly others: number;
    };

const SHOWN_CHARS = 40;

/** Describes why a column is text, and what makes numbers of it. */
export function textCausePhrases(cause: TextCause): { readonly why: string; readonly hint: string } {
  if (cause.kind === "comma")
    return {
      why: "it is text because its numbers have a decimal comma",
      hint: '`input.csv: { decimal: "," }` reads them',
    };
  const { column, path, line, others, type } = cause;
  const value = JSON.stringify(cause.value.slice(0, SHOWN_CHARS));
  const count = others === 1 ? "the only such value" : `the first of ${others} such values`;
  return {
    why: `it is text because of ${path} line ${line}: ${value}, ${count} in the lines that were looked at`,
    hint: `\`input.types: { ${column}: ${type} }\` makes such rows dead letters`,
  };
}
