/**
 * Condition of `input.where`, to the extent that it can be judged without the rows. Read from DuckDB's bound
 * plan, with every cast. Everything else is `unknown`, which may be true for any row.
 */
export type Predicate =
  | { readonly kind: "unknown" }
  | { readonly kind: "constant"; readonly value: boolean | null }
  | { readonly kind: "and"; readonly of: readonly Predicate[] }
  | { readonly kind: "or"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  /** `IS TRUE`: false where `of` is null. */
  | { readonly kind: "isTrue"; readonly of: Predicate }
  | { readonly kind: "isNull"; readonly column: string }
  | {
      readonly kind: "compare";
      readonly op: CompareOp;
      readonly left: Operand;
      readonly right: Operand;
    };

export type CompareOp = "=" | "<>" | "<" | "<=" | ">" | ">=";

/** Operand of a comparison. Both operands have values of one kind. */
export type Operand =
  | { readonly kind: "column"; readonly column: string; readonly as: ComparedAs }
  | { readonly kind: "constant"; readonly value: ComparedValue }
  | { readonly kind: "null" };

/**
 * Value of a comparison. `bigint`: whole numbers, dates, timestamps, decimals and booleans. `number`: floats.
 * `string`: texts, one character per byte.
 */
export type ComparedValue = bigint | number | string;

/**
 * Conversion of a bound in a file's statistics to a value of the comparison. It keeps the order and never
 * merges two values.
 */
export type ComparedAs =
  | {
      readonly kind: "whole";
      /** Factor, such as 1000 from milliseconds to microseconds, or a power of ten for decimal digits. */
      readonly times: bigint;
      /** Absolute limit. Values beyond it mean something else, such as the date `infinity`. Null: none. */
      readonly limit: bigint | null;
    }
  /** Whole numbers are rounded to the nearest float, as in DuckDB. Bounds never exclude NaN. */
  | { readonly kind: "float"; readonly from: "whole" | "float" }
  | { readonly kind: "text" };

export const UNKNOWN: Predicate = { kind: "unknown" };
