import { assertNever } from "../../../shared/core/assert.ts";
import type { ColumnStatistics } from "../../../shared/domain/column-statistics.ts";
import type { ComparedAs, ComparedValue } from "./predicate.ts";

/** Possible values of a comparison's operand in a row group. */
export interface OperandRange {
  readonly mayBeNull: boolean;
  /** Null: the operand is null in every row. */
  readonly values: ValueRange | null;
}

interface ValueRange {
  /** Null: no bound. */
  readonly least: ComparedValue | null;
  readonly greatest: ComparedValue | null;
  /**
   * True if NaN is possible. NaN sorts last and equals itself, as in DuckDB. `least` and `greatest` do not
   * cover it.
   */
  readonly mayBeNaN: boolean;
}

/** Returns the range of a column's values, in the form in which they are compared. */
export function columnRange(statistics: ColumnStatistics | null, as: ComparedAs, rows: number): OperandRange {
  const mayBeNaN = as.kind === "float" && as.from === "float";
  if (statistics === null) return { mayBeNull: true, values: { least: null, greatest: null, mayBeNaN } };
  const { nulls } = statistics;
  if (nulls === rows) return { mayBeNull: true, values: null };
  const least = comparedValue(statistics.least, as);
  const greatest = comparedValue(statistics.greatest, as);
  const isContradiction = least !== null && greatest !== null && least > greatest;
  return {
    mayBeNull: nulls !== 0,
    values: isContradiction ? { least: null, greatest: null, mayBeNaN } : { least, greatest, mayBeNaN },
  };
}

function comparedValue(bound: string | null, as: ComparedAs): ComparedValue | null {
  if (bound === null) return null;
  switch (as.kind) {
    case "whole": {
      const value = BigInt(bound);
      const isBeyond = as.limit !== null && (value > as.limit || value < -as.limit);
      return isBeyond ? null : value * as.times;
    }
    case "float":
      return as.from === "whole" ? Number(BigInt(bound)) : Number(bound);
    case "text":
      return bound;
    default:
      return assertNever(as);
  }
}
