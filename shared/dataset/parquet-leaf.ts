import type { FieldType, NumericType } from "../domain/dataset.ts";
import { THRIFT, type ThriftReader } from "./thrift-reader.ts";

/**
 * Unit and order of a column's bounds: `signed`, `string`, `timestamp microsecond`, `decimal 2`, ... Bounds
 * are used only when the file's form equals the form of the type being read. Null: not comparable here, or
 * not in SQL's order (INT96, decimals in bytes, half floats).
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

/** Returns the form that a column's bounds must have for this type. */
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

export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, float: 4, double: 5, bytes: 6 } as const;

/** Column of a Parquet file that holds values itself. */
export interface ParquetLeaf {
  readonly name: string;
  /** True for a column of the table itself, with one value or null a row. False: a part of one. */
  readonly isFlat: boolean;
  readonly physical: number;
  readonly form: BoundForm;
}

const REPEATED = 2;

/** Lists a schema's leaves in the order of a row group's column chunks. `elements`: the tree, depth first. */
export function leavesOf(elements: readonly SchemaElement[]): ParquetLeaf[] {
  const leaves: ParquetLeaf[] = [];
  // Number of children still to come, at each depth.
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

/** Fields of parquet.thrift's `SchemaElement` that define a value's meaning. */
interface SchemaElement {
  readonly name: string;
  readonly children: number;
  readonly repetition: number;
  readonly physical: number;
  readonly scale: number;
  /** Older annotation. Null: none. */
  readonly converted: number | null;
  /** Newer annotation. `other`: an annotation whose bounds are not used. Null: none. */
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

/** Fields of the union `LogicalType` whose bounds are used. */
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

/** Names of `ConvertedType`, the older annotation. */
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

/** Annotations per physical type whose values are in SQL's order. `plain`: no annotation. */
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
