import { assertNever } from "../../../shared/core/assert.ts";
import type { ColumnStatistics, RowGroupStatistics } from "../../../shared/domain/column-statistics.ts";
import { columnRange, type OperandRange } from "./column-range.ts";
import type { CompareOp, Operand, Predicate } from "./predicate.ts";

/** Possible values of a predicate over the rows of a group. May include values that no row has. */
interface PossibleTruths {
  readonly true: boolean;
  readonly false: boolean;
  readonly null: boolean;
}

interface RowGroupFacts {
  readonly rows: number;
  readonly statistics: RowGroupStatistics;
}

/**
 * Returns the possible values of a predicate in a row group. Law: if it is true for any row, then `true` is
 * possible. Each part is judged alone, by the bounds of its columns. Combining parts assumes that each row
 * may have any of their possible values.
 */
export function possibleTruths(predicate: Predicate, group: RowGroupFacts): PossibleTruths {
  switch (predicate.kind) {
    case "unknown":
      return ANY;
    case "constant":
      return {
        true: predicate.value === true,
        false: predicate.value === false,
        null: predicate.value === null,
      };
    case "and":
      return allOf(predicate.of.map((part) => possibleTruths(part, group)));
    case "or":
      return not(allOf(predicate.of.map((part) => not(possibleTruths(part, group)))));
    case "not":
      return not(possibleTruths(predicate.of, group));
    case "isTrue": {
      const of = possibleTruths(predicate.of, group);
      return { true: of.true, false: of.false || of.null, null: false };
    }
    case "isNull": {
      const nulls = statisticsOf(group, predicate.column)?.nulls ?? null;
      return { true: nulls !== 0, false: nulls !== group.rows, null: false };
    }
    case "compare":
      return compare(predicate.op, rangeOf(predicate.left, group), rangeOf(predicate.right, group));
    default:
      return assertNever(predicate);
  }
}

const ANY: PossibleTruths = { true: true, false: true, null: true };

function not(of: PossibleTruths): PossibleTruths {
  return { true: of.false, false: of.true, null: of.null };
}

function allOf(parts: readonly PossibleTruths[]): PossibleTruths {
  return {
    true: parts.every((part) => part.true),
    false: parts.some((part) => part.false),
    null: parts.every((part) => part.true || part.null) && parts.some((part) => part.null),
  };
}

function rangeOf(operand: Operand, { rows, statistics }: RowGroupFacts): OperandRange {
  switch (operand.kind) {
    case "null":
      return { mayBeNull: true, values: null };
    case "constant": {
      const { value } = operand;
      return { mayBeNull: false, values: { least: value, greatest: value, mayBeNaN: false } };
    }
    case "column":
      return columnRange(statisticsOf({ rows, statistics }, operand.column), operand.as, rows);
    default:
      return assertNever(operand);
  }
}

function statisticsOf({ statistics }: RowGroupFacts, column: string): ColumnStatistics | null {
  return Object.hasOwn(statistics, column) ? (statistics[column] ?? null) : null;
}

function compare(op: CompareOp, left: OperandRange, right: OperandRange): PossibleTruths {
  const isNull = left.mayBeNull || right.mayBeNull;
  const [a, b] = [left.values, right.values];
  if (a === null || b === null) return { true: false, false: false, null: true };
  const less = b.mayBeNaN || isBelow(a.least, b.greatest);
  const greater = a.mayBeNaN || isBelow(b.least, a.greatest);
  const apart = isAbove(b.least, a.greatest) || isAbove(a.least, b.greatest);
  const equal = !apart || (a.mayBeNaN && b.mayBeNaN);
  const truths = (holds: boolean, fails: boolean) => ({ true: holds, false: fails, null: isNull });
  switch (op) {
    case "=":
      return truths(equal, less || greater);
    case "<>":
      return truths(less || greater, equal);
    case "<":
      return truths(less, equal || greater);
    case "<=":
      return truths(less || equal, greater);
    case ">":
      return truths(greater, equal || less);
    case ">=":
      return truths(greater || equal, less);
    default:
      return assertNever(op);
  }
}

type Bound = bigint | number | string | null;

/** Checks whether a value at or above `least` may be less than a value at or below `greatest`. */
function isBelow(least: Bound, greatest: Bound): boolean {
  return least === null || greatest === null || least < greatest;
}

/** Checks whether all values at or above `least` are above all values at or below `greatest`. */
function isAbove(least: Bound, greatest: Bound): boolean {
  return least !== null && greatest !== null && least > greatest;
}
