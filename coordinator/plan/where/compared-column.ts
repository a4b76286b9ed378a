import type { FieldType } from "../../../shared/domain/dataset.ts";
import type { BoundNode } from "../../../shared/sql/bound-tree.ts";
import type { ComparedAs } from "./predicate.ts";

/** Last day that is a timestamp in microseconds. DuckDB's later dates are `infinity`, or no timestamps. */
const LAST_DAY = 106_751_991n;
const DAY_MICROSECONDS = 86_400_000_000n;
/** Most milliseconds that fit into a timestamp in microseconds. */
const LAST_MILLISECOND = 9_223_372_036_854_775n;

const WHOLE_TYPES: ReadonlySet<string> = new Set([
  "TINYINT",
  "SMALLINT",
  "INTEGER",
  "BIGINT",
  "HUGEINT",
  "UTINYINT",
  "USMALLINT",
  "UINTEGER",
  "UBIGINT",
  "UHUGEINT",
]);

/** Form of a column's values between casts. `digits` are those after the decimal point. */
type Held =
  | { readonly kind: "integer" }
  | { readonly kind: "boolean" }
  | { readonly kind: "decimal"; readonly of: number; readonly digits: number }
  | { readonly kind: "date"; readonly asTimestamp: boolean }
  | { readonly kind: "timestamp"; readonly times: bigint }
  | { readonly kind: "float"; readonly from: "whole" | "float" }
  | { readonly kind: "text" };

/**
 * Returns how a column's bounds become values of a comparison, after DuckDB's casts around the column. Null:
 * a cast changes the order of values, or is unknown.
 *
 * @param casts the innermost first
 */
export function comparedAs(type: FieldType, casts: readonly BoundNode[]): ComparedAs | null {
  let held = asRead(type);
  for (const cast of casts) held = held === null ? null : afterCast(held, cast);
  if (held === null) return null;
  const whole = (times: bigint, limit: bigint | null = null): ComparedAs => ({ kind: "whole", times, limit });
  switch (held.kind) {
    case "integer":
    case "boolean":
      return whole(1n);
    case "decimal":
      return whole(10n ** BigInt(held.digits - held.of));
    case "date":
      return held.asTimestamp ? whole(DAY_MICROSECONDS, LAST_DAY) : whole(1n);
    case "timestamp":
      return held.times === 1n ? whole(1n) : whole(held.times, LAST_MILLISECOND);
    case "float":
      return { kind: "float", from: held.from };
    case "text":
      return { kind: "text" };
  }
}

function asRead(type: FieldType): Held | null {
  switch (type.kind) {
    case "numeric":
      if (type.type === "bool") return { kind: "boolean" };
      if (type.type === "float16") return null;
      return type.type === "float32" || type.type === "float64"
        ? { kind: "float", from: "float" }
        : { kind: "integer" };
    case "string":
      return { kind: "text" };
    case "date":
      return type.unit === "day" ? { kind: "date", asTimestamp: false } : null;
    case "timestamp":
      // DuckDB cuts nanoseconds with a time zone to microseconds.
      if (type.unit === "second" || (type.unit === "nanosecond" && type.zone !== null)) return null;
      return { kind: "timestamp", times: type.unit === "millisecond" ? 1000n : 1n };
    case "decimal":
      return type.precision <= 38 ? { kind: "decimal", of: type.scale, digits: type.scale } : null;
    case "dictionary":
      return asRead(type.values);
    default:
      return null;
  }
}

function afterCast(held: Held, cast: BoundNode): Held | null {
  // A TRY_CAST turns values that do not fit into null.
  if (cast.get("try_cast") !== false) return null;
  const to = cast.node("return_type");
  const id = to.text("id");
  switch (held.kind) {
    case "integer":
      if (WHOLE_TYPES.has(id)) return held;
      if (id === "DECIMAL") return { kind: "decimal", of: 0, digits: digitsOf(to) };
      return id === "DOUBLE" ? { kind: "float", from: "whole" } : null;
    case "decimal":
      return id === "DECIMAL" && digitsOf(to) >= held.digits ? { ...held, digits: digitsOf(to) } : null;
    case "date":
      if (id === "DATE" && !held.asTimestamp) return held;
      return id === "TIMESTAMP" ? { kind: "date", asTimestamp: true } : null;
    case "float":
      // A double holds every narrower float exactly, so nothing is rounded.
      return id === "DOUBLE" && held.from === "float" ? held : null;
    case "text":
      return id === "VARCHAR" && to.get("type_info") === undefined ? held : null;
    case "boolean":
      return id === "BOOLEAN" ? held : null;
    case "timestamp":
      return null;
  }
}

function digitsOf(type: BoundNode): number {
  return Number(type.node("type_info").get("scale") ?? 0);
}
