import {
  type Field as ArrowField,
  TimeUnit as ArrowTimeUnit,
  DataType,
  DateUnit,
  IntervalUnit,
  Precision,
  type Schema,
} from "apache-arrow";
import type { Field, FieldType, NumericType, TimeUnit } from "../domain/dataset.ts";

/** Describes an Arrow schema as Shardmill's fields, in the file's order. */
export function fieldsOf(schema: Schema): Field[] {
  return schema.fields.map(fieldOf);
}

function fieldOf({ name, type, nullable }: ArrowField): Field {
  return { name, type: fieldTypeOf(type), nullable };
}

/**
 * Describes an Arrow type as a closed, JSON-able type. Large and view types map to their plain twins: only
 * their layout differs.
 *
 * @throws {Error} for a type that a newer Arrow for JavaScript added
 */
export function fieldTypeOf(type: DataType): FieldType {
  const numeric = numericTypeOf(type);
  if (numeric !== undefined) return { kind: "numeric", type: numeric };
  if (DataType.isList(type) || DataType.isLargeList(type)) {
    return { kind: "list", item: fieldTypeOf(type.valueType) };
  }
  if (DataType.isFixedSizeList(type)) {
    return { kind: "fixedList", item: fieldTypeOf(type.valueType), length: type.listSize };
  }
  if (DataType.isFixedSizeBinary(type)) return { kind: "fixedBinary", bytes: type.byteWidth };
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isBinaryView(type)) {
    return { kind: "binary" };
  }
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) {
    return { kind: "string" };
  }
  return timeTypeOf(type) ?? nestedTypeOf(type);
}

function timeTypeOf(type: DataType): FieldType | undefined {
  if (DataType.isDate(type)) {
    return { kind: "date", unit: type.unit === DateUnit.DAY ? "day" : "millisecond" };
  }
  if (DataType.isTime(type)) return { kind: "time", unit: TIME_UNITS[type.unit] };
  if (DataType.isTimestamp(type)) {
    return { kind: "timestamp", unit: TIME_UNITS[type.unit], zone: type.timezone || null };
  }
  if (DataType.isDuration(type)) return { kind: "duration", unit: TIME_UNITS[type.unit] };
  if (DataType.isInterval(type)) return { kind: "interval", unit: INTERVAL_UNITS[type.unit] };
  return undefined;
}

function nestedTypeOf(type: DataType): FieldType {
  if (DataType.isNull(type)) return { kind: "null" };
  if (DataType.isDecimal(type)) return { kind: "decimal", precision: type.precision, scale: type.scale };
  if (DataType.isDictionary(type)) return { kind: "dictionary", values: fieldTypeOf(type.dictionary) };
  if (DataType.isStruct(type)) return { kind: "struct", fields: type.children.map(fieldOf) };
  if (DataType.isUnion(type)) return { kind: "union", fields: type.children.map(fieldOf) };
  if (DataType.isMap(type)) {
    return { kind: "map", key: fieldTypeOf(type.keyType), value: fieldTypeOf(type.valueType) };
  }
  throw new Error(`a column of type ${String(type)}`);
}

const TIME_UNITS = {
  [ArrowTimeUnit.SECOND]: "second",
  [ArrowTimeUnit.MILLISECOND]: "millisecond",
  [ArrowTimeUnit.MICROSECOND]: "microsecond",
  [ArrowTimeUnit.NANOSECOND]: "nanosecond",
} as const satisfies Record<ArrowTimeUnit, TimeUnit>;

const INTERVAL_UNITS = {
  [IntervalUnit.YEAR_MONTH]: "yearMonth",
  [IntervalUnit.DAY_TIME]: "dayTime",
  [IntervalUnit.MONTH_DAY_NANO]: "monthDayNano",
} as const satisfies Record<IntervalUnit, string>;

function numericTypeOf(type: DataType): NumericType | undefined {
  if (DataType.isBool(type)) return "bool";
  if (DataType.isInt(type)) return `${type.isSigned ? "int" : "uint"}${type.bitWidth}`;
  if (DataType.isFloat(type)) return FLOATS[type.precision];
  return undefined;
}

const FLOATS = {
  [Precision.HALF]: "float16",
  [Precision.SINGLE]: "float32",
  [Precision.DOUBLE]: "float64",
} as const satisfies Record<Precision, NumericType>;
