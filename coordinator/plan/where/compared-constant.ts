import type { BoundNode } from "../../../shared/sql/bound-tree.ts";
import type { ComparedValue, Operand } from "./predicate.ts";

/** Reads a constant of a comparison. Null: its value is not exact, or its type is not compared here. */
export function comparedConstant(
  constant: BoundNode,
): Extract<Operand, { kind: "constant" | "null" }> | null {
  const value = constant.node("value");
  if (value.get("is_null") === true) return { kind: "null" };
  const held = heldValue(value.node("type"), value.get("value"));
  return held === null ? null : { kind: "constant", value: held };
}

function heldValue(type: BoundNode, value: unknown): ComparedValue | null {
  switch (type.text("id")) {
    case "BOOLEAN":
      return value === true ? 1n : value === false ? 0n : null;
    case "TINYINT":
    case "SMALLINT":
    case "INTEGER":
    case "BIGINT":
    case "UTINYINT":
    case "USMALLINT":
    case "UINTEGER":
    case "UBIGINT":
    case "HUGEINT":
    case "DECIMAL":
    case "DATE":
    case "TIMESTAMP":
    case "TIMESTAMP_NS":
    case "TIMESTAMP WITH TIME ZONE":
      return wholeValue(value);
    case "FLOAT":
    case "DOUBLE":
      return typeof value === "number" ? value : null;
    case "VARCHAR":
      if (typeof value !== "string" || type.get("type_info") !== undefined) return null;
      return Buffer.from(value, "utf8").toString("latin1");
    default:
      return null;
  }
}

/** Reads a whole number. The plan has numbers beyond 2^53 as digits, and 128-bit numbers as two halves. */
function wholeValue(value: unknown): bigint | null {
  if (typeof value === "string") return /^-?\d+$/.test(value) ? BigInt(value) : null;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : null;
  if (typeof value !== "object" || value === null) return null;
  const { upper, lower } = value as { readonly upper?: unknown; readonly lower?: unknown };
  return upper === 0 ? wholeValue(lower) : null;
}
