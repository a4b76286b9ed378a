import { quoteIdentifier, quoteLiteral } from "../../shared/sql/quote.ts";
import { type ColumnType, typesWithin, typeText } from "./column-type.ts";

const TYPES: Partial<Record<ColumnType["kind"], string>> = {
  int8: "TINYINT",
  int16: "SMALLINT",
  int32: "INTEGER",
  int64: "BIGINT",
  uint8: "UTINYINT",
  uint16: "USMALLINT",
  uint32: "UINTEGER",
  uint64: "UBIGINT",
  float32: "FLOAT",
  float64: "DOUBLE",
  bool: "BOOLEAN",
  string: "VARCHAR",
  binary: "BLOB",
  enum: "ENUM('red', 'grün', '青', '')",
  date32: "DATE",
  time: "TIME",
};

/** Returns the type in DuckDB's SQL. */
export function duckdbType(type: ColumnType): string {
  const plain = TYPES[type.kind];
  if (plain !== undefined) return plain;
  switch (type.kind) {
    case "decimal":
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case "timestamp":
      return type.zone !== null
        ? "TIMESTAMPTZ"
        : ({ ms: "TIMESTAMP_MS", ns: "TIMESTAMP_NS" }[type.unit as "ms" | "ns"] ?? "TIMESTAMP");
    case "list":
      return `${duckdbType(type.item)}[]`;
    case "fixedList":
      return `${duckdbType(type.item)}[${type.length}]`;
    case "struct":
      return `STRUCT(${type.fields.map(({ name, type: of }) => `${quoteIdentifier(name)} ${duckdbType(of)}`).join(", ")})`;
    case "map":
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`;
    default:
      throw new Error(`DuckDB writes no ${typeText(type)}`);
  }
}

const LETTERS = quoteLiteral("aüß日本😀'\"\\%; ");

/**
 * Returns an expression for a value of this type, which depends on `salt` and on `row`, an integer
 * expression. Some inner values are null, and some numbers are extremes.
 */
export function duckdbValue(type: ColumnType, row: string, salt: number, longest: number): string {
  const dice = `hash(${row}, ${salt})`;
  const length = `(CASE WHEN ${dice} % 5 = 0 THEN ${dice} % ${longest + 1} ELSE ${dice} % 12 END)::BIGINT`;
  switch (type.kind) {
    case "bool":
      return `${dice} % 2 = 0`;
    case "float32":
    case "float64":
      return `(CASE ${dice} % 50 WHEN 0 THEN 'nan' WHEN 1 THEN 'inf' WHEN 2 THEN '-inf' WHEN 3 THEN '-0' ELSE ((${dice} % 2000001)::DOUBLE / 1000 - 1000)::VARCHAR END)::${duckdbType(type)}`;
    case "string":
      return `repeat(substr(${LETTERS}, (1 + ${dice} % 12)::BIGINT, 1), ${length})`;
    case "binary":
      return `encode(repeat(chr((32 + ${dice} % 90)::INTEGER), ${length}))`;
    case "enum":
      return `list_extract(['red', 'grün', '青', ''], (1 + ${dice} % 4)::BIGINT)::${duckdbType(type)}`;
    case "decimal":
      return decimalValue(type.precision, type.scale, dice);
    case "date32":
      return `DATE '1600-01-01' + (${dice} % 300000)::INTEGER`;
    case "time":
      return `TIME '00:00:00' + to_microseconds((${dice} % 86400000000)::BIGINT)`;
    case "timestamp":
      return `(TIMESTAMP '1700-01-01' + to_microseconds((${dice} % 17000000000000000)::BIGINT))::${duckdbType(type)}`;
    case "list":
      return `list_transform(range((${dice} % 4)::BIGINT), ${lambda(type.item, row, salt, longest)})`;
    case "fixedList":
      return `(list_transform(range(${type.length}), ${lambda(type.item, row, salt, longest)}))::${duckdbType(type)}`;
    case "struct":
      return `{${type.fields.map(({ name, type: of }, place) => `${quoteLiteral(name)}: ${orNull(of, row, salt + place + 11, longest)}`).join(", ")}}`;
    case "map": {
      const keys = type.key.kind === "string" ? "'k' || j" : "j::INTEGER";
      const range = `range((${dice} % 4)::BIGINT)`;
      const values = `list_transform(${range}, ${lambda(type.value, row, salt, longest)})`;
      return `map(list_transform(${range}, j -> ${keys}), ${values})`;
    }
    default:
      return wholeNumber(duckdbType(type), dice);
  }
}

function lambda(item: ColumnType, row: string, salt: number, longest: number): string {
  // Each lambda needs a unique name, because `row` contains the name of the outer lambda.
  const name = `j${salt}_${row.length}`;
  return `${name} -> ${orNull(item, `(${row} * 31 + ${name} + 1)`, salt + 3, longest)}`;
}

/** Returns true for types with arrays. DuckDB has no CASE over most of them, so they have no nulls. */
export function hasArray(type: ColumnType): boolean {
  return typesWithin(type).some(({ kind }) => kind === "fixedList");
}

function orNull(type: ColumnType, row: string, salt: number, longest: number): string {
  if (hasArray(type)) return duckdbValue(type, row, salt, longest);
  return `CASE WHEN hash(${row}, ${salt + 5}) % 7 = 0 THEN NULL ELSE (${duckdbValue(type, row, salt, longest)})::${duckdbType(type)} END`;
}

const BITS: Readonly<Record<string, number>> = { TINYINT: 8, SMALLINT: 16, INTEGER: 32, BIGINT: 64 };

function wholeNumber(sqlType: string, dice: string): string {
  const signed = !sqlType.startsWith("U");
  const bits = BITS[signed ? sqlType : sqlType.slice(1)] ?? 64;
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const most = signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  const any = `(${dice}::HUGEINT % ${most - least + 1n} + ${least})`;
  return `(CASE ${dice} % 40 WHEN 0 THEN ${least} WHEN 1 THEN ${most} ELSE ${any} END)::${sqlType}`;
}

function decimalValue(precision: number, scale: number, dice: string): string {
  const digits = `(${dice}::VARCHAR || reverse(${dice}::VARCHAR))`;
  const whole = `lpad(substr(${digits}, 1, ${precision}), ${precision}, '1')`;
  const point = `left(${whole}, ${precision - scale}) || '.' || right(${whole}, ${scale})`;
  return `((CASE WHEN ${dice} % 2 = 0 THEN '-' ELSE '' END) || ${scale === 0 ? whole : point})::DECIMAL(${precision}, ${scale})`;
}
