import type { Field } from "../../../shared/domain/dataset.ts";
import type { BoundNode } from "../../../shared/sql/bound-tree.ts";
import { comparedAs } from "./compared-column.ts";
import { comparedConstant } from "./compared-constant.ts";
import { type CompareOp, type Operand, type Predicate, UNKNOWN } from "./predicate.ts";

/** Limit of nesting, which protects the stack. Deeper parts count as unknown. */
const DEPTH_LIMIT = 200;

const OPS: Readonly<Record<string, CompareOp>> = {
  COMPARE_EQUAL: "=",
  COMPARE_NOTEQUAL: "<>",
  COMPARE_LESSTHAN: "<",
  COMPARE_LESSTHANOREQUALTO: "<=",
  COMPARE_GREATERTHAN: ">",
  COMPARE_GREATERTHANOREQUALTO: ">=",
};

/**
 * Reads the predicate that DuckDB bound, to the extent that statistics can judge it.
 *
 * @param columns columns by the index of the plan's references
 */
export function readPredicate(
  conditions: readonly BoundNode[],
  columns: readonly (Field | null)[],
): Predicate {
  const of = conditions.map((condition) => readCondition(condition, columns, 0));
  return { kind: "and", of };
}

type Columns = readonly (Field | null)[];

function readCondition(node: BoundNode, columns: Columns, depth: number): Predicate {
  if (depth > DEPTH_LIMIT) return UNKNOWN;
  switch (node.text("expression_class")) {
    case "BOUND_CONSTANT":
      return readTruth(node);
    case "BOUND_REF":
      return truthOf(node, columns);
    case "BOUND_COMPARISON":
      return readComparison(node, columns, depth);
    case "BOUND_CONJUNCTION": {
      const of = node.nodes("children").map((child) => readCondition(child, columns, depth + 1));
      const type = node.text("type");
      if (of.length === 0) return UNKNOWN;
      if (type === "CONJUNCTION_AND") return { kind: "and", of };
      return type === "CONJUNCTION_OR" ? { kind: "or", of } : UNKNOWN;
    }
    case "BOUND_OPERATOR":
      return readOperator(node, columns, depth);
    case "BOUND_BETWEEN":
      return readBetween(node, columns);
    default:
      return UNKNOWN;
  }
}

function readTruth(node: BoundNode): Predicate {
  const constant = comparedConstant(node);
  if (constant?.kind === "null") return { kind: "constant", value: null };
  const isTruth = node.node("value").node("type").text("id") === "BOOLEAN";
  return constant === null || !isTruth ? UNKNOWN : { kind: "constant", value: constant.value === 1n };
}

/** Reads a boolean column as `column = true`. */
function truthOf(node: BoundNode, columns: Columns): Predicate {
  const column = readOperand(node, columns);
  if (column === null || node.node("return_type").text("id") !== "BOOLEAN") return UNKNOWN;
  return { kind: "compare", op: "=", left: column, right: { kind: "constant", value: 1n } };
}

function readOperator(node: BoundNode, columns: Columns, depth: number): Predicate {
  const [first, ...others] = node.nodes("children");
  if (first === undefined) return UNKNOWN;
  switch (node.text("type")) {
    case "OPERATOR_NOT":
      return { kind: "not", of: readCondition(first, columns, depth + 1) };
    case "OPERATOR_IS_NULL":
      return nullOf(first, columns);
    case "OPERATOR_IS_NOT_NULL":
      return { kind: "not", of: nullOf(first, columns) };
    case "COMPARE_IN":
      return oneOf(first, others, columns);
    case "COMPARE_NOT_IN":
      return { kind: "not", of: oneOf(first, others, columns) };
    default:
      return UNKNOWN;
  }
}

function nullOf(node: BoundNode, columns: Columns): Predicate {
  const field = node.text("expression_class") === "BOUND_REF" ? columnOf(node, columns) : null;
  return field === null ? UNKNOWN : { kind: "isNull", column: field.name };
}

function oneOf(value: BoundNode, choices: readonly BoundNode[], columns: Columns): Predicate {
  return { kind: "or", of: choices.map((choice) => comparison("=", value, choice, columns)) };
}

function readBetween(node: BoundNode, columns: Columns): Predicate {
  const input = node.node("input");
  const lower = node.get("lower_inclusive") === true ? ">=" : ">";
  const upper = node.get("upper_inclusive") === true ? "<=" : "<";
  return {
    kind: "and",
    of: [
      comparison(lower, input, node.node("lower"), columns),
      comparison(upper, input, node.node("upper"), columns),
    ],
  };
}

function readComparison(node: BoundNode, columns: Columns, depth: number): Predicate {
  const [left, right] = [node.node("left"), node.node("right")];
  const type = node.text("type");
  const op = OPS[type];
  if (op !== undefined) return comparison(op, left, right, columns);
  if (type !== "COMPARE_DISTINCT_FROM" && type !== "COMPARE_NOT_DISTINCT_FROM") return UNKNOWN;
  const same = sameAs(left, right, columns, depth);
  if (same === null) return UNKNOWN;
  return type === "COMPARE_NOT_DISTINCT_FROM" ? same : { kind: "not", of: same };
}

/** Reads `left IS NOT DISTINCT FROM right`, where `right` is a constant. DuckDB binds `IS TRUE` this way. */
function sameAs(left: BoundNode, right: BoundNode, columns: Columns, depth: number): Predicate | null {
  const constant = right.text("expression_class") === "BOUND_CONSTANT" ? comparedConstant(right) : null;
  if (constant?.kind !== "constant") return null;
  const equals = comparison("=", left, right, columns);
  if (equals.kind !== "unknown") return { kind: "isTrue", of: equals };
  if (constant.value !== 1n || right.node("value").node("type").text("id") !== "BOOLEAN") return null;
  return { kind: "isTrue", of: readCondition(left, columns, depth + 1) };
}

function comparison(op: CompareOp, left: BoundNode, right: BoundNode, columns: Columns): Predicate {
  const [a, b] = [readOperand(left, columns), readOperand(right, columns)];
  if (a === null || b === null || !areAlike(a, b)) return UNKNOWN;
  return { kind: "compare", op, left: a, right: b };
}

/** Checks whether the operands have one kind of value here. DuckDB compares values of one type only. */
function areAlike(a: Operand, b: Operand): boolean {
  const [one, other] = [valueKind(a), valueKind(b)];
  return one === null || other === null || one === other;
}

function valueKind(operand: Operand): string | null {
  switch (operand.kind) {
    case "null":
      return null;
    case "constant":
      return typeof operand.value;
    case "column":
      return { whole: "bigint", float: "number", text: "string" }[operand.as.kind];
  }
}

function readOperand(node: BoundNode, columns: Columns): Operand | null {
  const casts: BoundNode[] = [];
  let inner = node;
  while (inner.text("expression_class") === "BOUND_CAST" && casts.length < DEPTH_LIMIT) {
    casts.unshift(inner);
    inner = inner.node("child");
  }
  switch (inner.text("expression_class")) {
    case "BOUND_CONSTANT":
      // DuckDB folds casts of constants. A cast that is left has failed.
      return casts.length === 0 ? comparedConstant(inner) : null;
    case "BOUND_REF": {
      const field = columnOf(inner, columns);
      const as = field === null ? null : comparedAs(field.type, casts);
      return field === null || as === null ? null : { kind: "column", column: field.name, as };
    }
    default:
      return null;
  }
}

function columnOf(node: BoundNode, columns: Columns): Field | null {
  const index = node.get("index");
  return typeof index === "number" ? (columns[index] ?? null) : null;
}
