import type { FieldType, NumericType } from "../domain/dataset.ts";
import { THRIFT, type ThriftReader } from "./thrift-reader.ts";

/**
 * What the bounds of a column count, and in what order. A bound means something only where the file and the
 * type that the column is read as say the same: `signed`, `string`, `timestamp microsecond`, `decimal 2`, ...
 * Null: in another order than SQL's (INT96, decimals in bytes, half floats), or not compared here.
 */
type BoundForm = string | null;

const NUMERIC_FORMS: Readonly<Record<NumericType, BoundForm>> = {
  bool: "boolean",
  int8: "signed",
  int16: "signed",
  int32: "signed",
  int64: "signed",
  uint8: "unsigned",
  uint16: "unsigned",
  uint32: "unsigned",
  uint64: "unsigned",
  float16: null,
  float32: "float",
  float64: "double",
};

/** The form that the bounds of a column must have that is read as this type. */
export function boundForm(type: FieldType): BoundForm {
  switch (type.kind) {
    case "numeric":
      return NUMERIC_FORMS[type.type];
    case "string":
      return "string";
    case "date":
      return type.unit === "day" ? "date" : null;
    case "timestamp":
      return `timestamp ${type.unit}`;
    case "decimal":
      return `decimal ${type.scale}`;
    case "dictionary":
      return boundForm(type.values);
    default:
      return null;
  }
}

/** Parquet's physical types. */
export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, float: 4, double: 5, bytes: 6 } as const;

/** A column of a Parquet file that has values of its own. */
export interface ParquetLeaf {
  readonly name: string;
  /** A column of the table itself, with one value or null a row; not a part of one. */
  readonly isFlat: boolean;
  readonly physical: number;
  readonly form: BoundForm;
}

const REPEATED = 2;

/**
 * The leaves of a schema in the order of a row group's column chunks; `elements` is the tree, depth first.
 */
export function leavesOf(elements: readonly SchemaElement[]): ParquetLeaf[] {
  const leaves: ParquetLeaf[] = [];
  // How many children are still to come, at each depth.
  const open: number[] = [];
  for (const [index, element] of elements.entries()) {
    while (open.at(-1) === 0) open.pop();
    const depth = open.length;
    if (depth > 0) open[depth - 1] = (open[depth - 1] ?? 0) - 1;
    if (index === 0 || element.children > 0) {
      open.push(element.children);
      continue;
    }
    const { name, physical } = element;
    const isFlat = depth === 1 && element.repetition !== REPEATED;
    leaves.push({ name, isFlat, physical, form: formOf(element) });
  }
  return leaves;
}

/** `SchemaElement` of parquet.thrift, as far as it says what a value means. */
interface SchemaElement {
  readonly name: string;
  readonly children: number;
  readonly repetition: number;
  readonly physical: number;
  readonly scale: number;
  /** Null: none. */
  readonly converted: number | null;
  /** What the newer annotation says; `other` is one that no bound is taken of. Null: none. */
  readonly logical: string | null;
}

export function readSchemaElement(reader: ThriftReader): SchemaElement {
  let name = "";
  let [children, repetition, physical, scale] = [0, 0, -1, 0];
  let converted: number | null = null;
  let logical: string | null = null;
  reader.struct((id, type) => {
    if (id === 10 && type === THRIFT.struct) logical = readLogicalType(reader);
    else if (id === 4 && type === THRIFT.binary) name = Buffer.from(reader.bytes()).toString("utf8");
    else if (type !== THRIFT.i32) return false;
    else if (id === 1) physical = reader.integer();
    else if (id === 3) repetition = reader.integer();
    else if (id === 5) children = reader.integer();
    else if (id === 6) converted = reader.integer();
    else if (id === 7) scale = reader.integer();
    else return false;
    return true;
  });
  return { name, children, repetition, physical, scale, converted, logical };
}

/** The fields of the union `LogicalType` that bounds are taken of. */
const LOGICAL: Readonly<Record<number, string>> = {
  1: "string",
  4: "string",
  5: "decimal",
  6: "date",
  12: "string",
};
const TIME_UNITS: Readonly<Record<number, string>> = { 1: "millisecond", 2: "microsecond", 3: "nanosecond" };

function readLogicalType(reader: ThriftReader): string {
  let logical = "other";
  reader.struct((id, type) => {
    logical = LOGICAL[id] ?? logical;
    if (type !== THRIFT.struct || (id !== 8 && id !== 10)) return false;
    logical = id === 8 ? `timestamp ${readTimeUnit(reader)}` : readSign(reader);
    return true;
  });
  return logical;
}

function readTimeUnit(reader: ThriftReader): string {
  let unit = "other";
  reader.struct((id, type) => {
    if (id !== 2 || type !== THRIFT.struct) return false;
    reader.struct((unitId) => {
      unit = TIME_UNITS[unitId] ?? unit;
      return false;
    });
    return true;
  });
  return unit;
}

function readSign(reader: ThriftReader): string {
  let sign = "other";
  reader.struct((id, type) => {
    if (id !== 2 || (type !== THRIFT.true && type !== THRIFT.false)) return false;
    sign = type === THRIFT.true ? "signed" : "unsigned";
    return true;
  });
  return sign;
}

/** `ConvertedType`, the older annotation. */
const CONVERTED: Readonly<Record<number, string>> = {
  0: "string",
  4: "string",
  5: "decimal",
  6: "date",
  9: "timestamp millisecond",
  10: "timestamp microsecond",
  11: "unsigned",
  12: "unsigned",
  13: "unsigned",
  14: "unsigned",
  15: "signed",
  16: "signed",
  17: "signed",
  18: "signed",
  19: "string",
};

/** What may stand in each physical type, its values in SQL's order; what has no annotation is `plain`. */
const FORMS: Readonly<Record<number, readonly string[]>> = {
  [PHYSICAL.boolean]: ["plain"],
  [PHYSICAL.int32]: ["plain", "signed", "unsigned", "date", "decimal"],
  [PHYSICAL.int64]: [
    "plain",
    "signed",
    "unsigned",
    "decimal",
    "timestamp millisecond",
    "timestamp microsecond",
    "timestamp nanosecond",
  ],
  [PHYSICAL.float]: ["plain"],
  [PHYSICAL.double]: ["plain"],
  [PHYSICAL.bytes]: ["string"],
};

const PLAIN_FORMS: Readonly<Record<number, string>> = {
  [PHYSICAL.boolean]: "boolean",
  [PHYSICAL.int32]: "signed",
  [PHYSICAL.int64]: "signed",
  [PHYSICAL.float]: "float",
  [PHYSICAL.double]: "double",
};

function formOf({ physical, converted, logical, scale }: SchemaElement): BoundForm {
  const annotated = logical ?? (converted === null ? "plain" : (CONVERTED[converted] ?? "other"));
  if (!FORMS[physical]?.includes(annotated)) return null;
  if (annotated === "decimal") return `decimal ${scale}`;
  return annotated === "plain" ? (PLAIN_FORMS[physical] ?? null) : annotated;
}
