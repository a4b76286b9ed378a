import {
  Field as ArrowField,
  Binary,
  Bool,
  type DataType,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import type { Field, FieldType, NumericType } from "../../shared/domain/dataset.ts";

const NUMERIC_TYPES = {
  float16: () => new Float16(),
  float32: () => new Float32(),
  float64: () => new Float64(),
  int8: () => new Int8(),
  int16: () => new Int16(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  uint8: () => new Uint8(),
  uint16: () => new Uint16(),
  uint32: () => new Uint32(),
  uint64: () => new Uint64(),
  bool: () => new Bool(),
} as const satisfies Record<NumericType, () => DataType>;

/**
 * A column's field in Arrow's own terms. Items of lists are named `item`, as Arrow's other implementations
 * do.
 */
export function arrowField({ name, type, nullable }: Field): ArrowField {
  return new ArrowField(name, arrowType(type), nullable);
}

function arrowType(type: FieldType): DataType {
  switch (type.kind) {
    case "numeric":
      return NUMERIC_TYPES[type.type]();
    case "list":
      return new List(new ArrowField("item", arrowType(type.item), false));
    case "fixedList":
      return new FixedSizeList(type.length, new ArrowField("item", arrowType(type.item), false));
    case "binary":
      return new Binary();
    case "fixedBinary":
      return new FixedSizeBinary(type.bytes);
    case "string":
      return new Utf8();
    default:
      throw new Error(`broken invariant: no column of type ${type.kind} is made`);
  }
}
