import { type Field as ArrowField, DataType, Precision, type Schema } from "apache-arrow";
import type { Field, FieldType, NumericType } from "../domain/dataset.ts";

/** An Arrow schema as Shardmill describes it, in the file's order. */
export function fieldsOf(schema: Schema): Field[] {
  return schema.fields.map(fieldOf);
}

function fieldOf({ name, type, nullable }: ArrowField): Field {
  return { name, type: fieldTypeOf(type), nullable };
}

/** Arrow's type as a closed, JSON-able description. Large and view types are their plain twins: only the layout differs. */
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
  return { kind: "other", name: String(type) };
}

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
