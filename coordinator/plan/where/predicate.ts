/**
 * What `input.where` says, as far as it can be judged without the rows: made of what DuckDB bound, with every
 * cast that it put in. Anything else in it is `unknown`, which may be true of any row.
 */
export type Predicate =
  | { readonly kind: "unknown" }
  | { readonly kind: "constant"; readonly value: boolean | null }
  | { readonly kind: "and"; readonly of: readonly Predicate[] }
  | { readonly kind: "or"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  /** False where it is neither: `IS TRUE`. */
  | { readonly kind: "isTrue"; readonly of: Predicate }
  | { readonly kind: "isNull"; readonly column: string }
  | {
      readonly kind: "compare";
      readonly op: CompareOp;
      readonly left: Operand;
      readonly right: Operand;
    };

export type CompareOp = "=" | "<>" | "<" | "<=" | ">" | ">=";

/** Two that are compared have values of one kind. */
export type Operand =
  | { readonly kind: "column"; readonly column: string; readonly as: ComparedAs }
  | { readonly kind: "constant"; readonly value: ComparedValue }
  | { readonly kind: "null" };

/** Whole numbers, dates, timestamps, decimals and truth values; floats; strings, a character a byte. */
export type ComparedValue = bigint | number | string;

/**
 * How a bound in a file's statistics becomes a value of the comparison. Order is kept, and no two become one.
 */
export type ComparedAs =
  | {
      readonly kind: "whole";
      /** What it is multiplied by: milliseconds to microseconds, digits after the point. */
      readonly times: bigint;
      /** Beyond it, on either side, values mean something else: a date that is `infinity`. Null: none do. */
      readonly limit: bigint | null;
    }
  /**
   * Whole numbers are rounded to the nearest float, as DuckDB does it. NaN may be there whatever the bounds.
   */
  | { readonly kind: "float"; readonly from: "whole" | "float" }
  | { readonly kind: "text" };

export const UNKNOWN: Predicate = { kind: "unknown" };
