import { isObject } from "../../../shared/core/json-object.ts";
import { DTYPES } from "../../../shared/domain/tensor.ts";
import type {
  NamedType,
  ScalarName,
  ValueShape,
  ValueType,
  VectorItem,
} from "../../../shared/values/value-type.ts";

const VECTOR_ITEMS: readonly VectorItem[] = DTYPES.filter((name) => name !== "bool");
const SCALAR_NAMES: readonly ScalarName[] = [
  "bool",
  ...VECTOR_ITEMS,
  "string",
  "binary",
  "date",
  "timestamp",
];
/** Limit of a vector's length, as for tensors. A larger one is a mistake. */
const MAX_LENGTH = 134_217_728;
const MAX_DEPTH = 16;

/** A declared type is invalid. */
export class TypeFault extends Error {
  override readonly name = "TypeFault";
}

/**
 * Parses the columns that a step declares, in order.
 *
 * @throws {TypeFault} naming the column
 */
export function parseColumnTypes(declared: unknown, depth = 0): readonly NamedType[] {
  if (!isObject(declared)) throw new TypeFault(`expected columns with their types, found ${shown(declared)}`);
  return Object.entries(declared).map(([name, type]) => {
    try {
      return { name, type: parseType(type, depth) };
    } catch (error) {
      if (error instanceof TypeFault) throw new TypeFault(`\`${name}\`: ${error.message}`);
      throw error;
    }
  });
}

function parseType(type: unknown, depth: number): ValueType {
  if (depth > MAX_DEPTH) throw new TypeFault(`types nested more than ${MAX_DEPTH} deep`);
  if (typeof type === "string") {
    const isNullable = type.endsWith("?");
    const name = SCALAR_NAMES.find((known) => known === (isNullable ? type.slice(0, -1) : type));
    if (name !== undefined) return { shape: { kind: "scalar", name }, isNullable };
  }
  if (isObject(type) && isObject(type.shape)) {
    return { shape: parseShape(type.shape, depth), isNullable: type.isNullable === true };
  }
  throw new TypeFault(
    `expected one of ${SCALAR_NAMES.join(", ")} (with ? where there are nulls), list(...), vector(...) or ` +
      `struct(...), found ${shown(type)}`,
  );
}

function parseShape(shape: Readonly<Record<string, unknown>>, depth: number): ValueShape {
  const { kind, item, length, fields } = shape;
  if (kind === "list") return { kind, item: parseType(item, depth + 1) };
  if (kind === "struct") {
    const parsed = parseColumnTypes(fields, depth + 1);
    if (parsed.length === 0) throw new TypeFault("a struct needs at least one field");
    return { kind, fields: parsed };
  }
  const name = VECTOR_ITEMS.find((known) => known === item);
  if (kind !== "vector" || name === undefined)
    throw new TypeFault(`expected a vector of numbers, found a vector of ${shown(item)}`);
  if (typeof length !== "number" || !Number.isInteger(length) || length < 1 || length > MAX_LENGTH)
    throw new TypeFault(`expected a vector of 1 to ${MAX_LENGTH} numbers, found ${shown(length)}`);
  return { kind, item: name, length };
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : value === undefined ? "nothing" : String(value);
}
