import type { NamedType, ScalarName, ValueType, VectorItem } from "../../../shared/values/value-type.ts";

/** A step made a value that its column cannot hold. */
export class ValueFault extends Error {
  override readonly name = "ValueFault";
}

/** Range of each integer type. Types of 64 bits have bigint ranges. */
const WHOLE_RANGES: Readonly<Partial<Record<ScalarName, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  int32: [-2_147_483_648, 2_147_483_647],
  uint8: [0, 255],
  uint16: [0, 65_535],
  uint32: [0, 4_294_967_295],
};
const BIG_RANGES: Readonly<Partial<Record<ScalarName, readonly [bigint, bigint]>>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};
const SHOWN_CHARS = 60;

/**
 * Converts an object that a step made to values in the order of the columns.
 *
 * @throws {ValueFault} naming the column, the expected value and the found value
 */
export function checkMadeRow(made: unknown, columns: readonly NamedType[]): readonly unknown[] {
  if (typeof made !== "object" || made === null || ArrayBuffer.isView(made))
    throw new ValueFault(
      `expected an object with the columns, null or a list of objects, found ${show(made)}`,
    );
  const unknown = Object.keys(made).find((key) => !columns.some(({ name }) => name === key));
  if (unknown !== undefined)
    throw new ValueFault(`\`${unknown}\` is not among the step's columns: ${namesOf(columns)}`);
  return columns.map(({ name, type }) => checkValue(Reflect.get(made, name), type, name));
}

/** @throws {ValueFault} when the column cannot hold the value */
export function checkValue(value: unknown, type: ValueType, path: string): unknown {
  if (value === null || value === undefined) {
    if (type.isNullable) return null;
    throw new ValueFault(`\`${path}\`: expected ${wanted(type)}, found ${show(value)}`);
  }
  const checked = checkShape(value, type, path);
  if (checked !== undefined) return checked;
  throw new ValueFault(`\`${path}\`: expected ${wanted(type)}, found ${show(value)}`);
}

function checkShape(value: unknown, { shape }: ValueType, path: string): unknown {
  switch (shape.kind) {
    case "scalar":
      return checkScalar(value, shape.name);
    case "list": {
      const items = arrayOf(value);
      return items?.map((item, at) => checkValue(item, shape.item, `${path}[${at}]`));
    }
    case "vector":
      return checkVector(value, shape.item, shape.length, path);
    case "struct":
      if (typeof value !== "object" || Array.isArray(value)) return undefined;
      return checkStruct(value ?? {}, shape.fields, path);
  }
}

function checkStruct(value: object, fields: readonly NamedType[], path: string): unknown {
  const unknown = Object.keys(value).find((key) => !fields.some(({ name }) => name === key));
  if (unknown !== undefined) throw new ValueFault(`\`${path}\` has no field \`${unknown}\``);
  return fields.map(({ name, type }) => checkValue(Reflect.get(value, name), type, `${path}.${name}`));
}

/** Returns the value as its column holds it. Undefined: the column cannot hold it. */
function checkScalar(value: unknown, name: ScalarName): unknown {
  switch (name) {
    case "bool":
      return typeof value === "boolean" ? value : undefined;
    case "string":
      return typeof value === "string" ? value : undefined;
    case "binary":
      // A copy: the code may reuse the buffer for the next row.
      return value instanceof Uint8Array ? value.slice() : undefined;
    case "date":
    case "timestamp":
      return value instanceof Date && !Number.isNaN(value.getTime()) ? value.getTime() : undefined;
    default:
      return checkNumber(value, name);
  }
}

function checkNumber(value: unknown, name: VectorItem): number | bigint | undefined {
  const big = BIG_RANGES[name];
  if (big !== undefined) {
    const whole = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
    return typeof whole === "bigint" && big[0] <= whole && whole <= big[1] ? whole : undefined;
  }
  if (typeof value !== "number") return undefined;
  const range = WHOLE_RANGES[name];
  if (range === undefined) return value;
  return Number.isInteger(value) && range[0] <= value && value <= range[1] ? value : undefined;
}

function checkVector(value: unknown, item: VectorItem, length: number, path: string): unknown {
  const items = arrayOf(value);
  if (items === undefined) return undefined;
  if (items.length !== length)
    throw new ValueFault(`\`${path}\`: expected ${length} numbers, found ${items.length}`);
  return items.map((number, at) => {
    const checked = checkNumber(number, item);
    if (checked === undefined)
      throw new ValueFault(`\`${path}[${at}]\`: expected ${wantedScalar(item)}, found ${show(number)}`);
    return checked;
  });
}

/** Returns the items of an array. Holes become undefined, because `map` would skip them. */
export function arrayOf(value: unknown): readonly unknown[] | undefined {
  const isArray = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  return isArray ? Array.from(value as ArrayLike<unknown>) : undefined;
}

function wanted({ shape, isNullable }: ValueType): string {
  const orNull = isNullable ? " or null" : "";
  switch (shape.kind) {
    case "scalar":
      return `${wantedScalar(shape.name)}${orNull}`;
    case "list":
      return `an array${orNull}`;
    case "vector":
      return `an array of ${shape.length} numbers (${shape.item})${orNull}`;
    case "struct":
      return `an object with ${namesOf(shape.fields)}${orNull}`;
  }
}

function wantedScalar(name: ScalarName): string {
  if (name === "bool") return "true or false";
  if (name === "string") return "a string";
  if (name === "binary") return "a Uint8Array";
  if (name === "date" || name === "timestamp") return "a Date";
  const [least, most] = WHOLE_RANGES[name] ?? BIG_RANGES[name] ?? [];
  return least === undefined ? `a number (${name})` : `a whole number from ${least} to ${most} (${name})`;
}

function namesOf(columns: readonly NamedType[]): string {
  return columns.length === 0 ? "it has none" : columns.map(({ name }) => `\`${name}\``).join(", ");
}

export function show(value: unknown): string {
  if (typeof value === "string") {
    return `the string ${JSON.stringify(value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}…` : value)}`;
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : "a Date";
  if (typeof value === "object" && value !== null) {
    return `an object (${value.constructor?.name ?? "without a class"})`;
  }
  return typeof value === "function" ? "a function" : String(value);
}
