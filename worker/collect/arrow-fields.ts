import {
  Field as ArrowField,
  Binary,
  type DataType,
  FixedSizeBinary,
  FixedSizeList,
  List,
  Utf8,
} from "apache-arrow";
import { ARROW_NUMBERS } from "../../shared/dataset/arrow-numbers.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";

/** Converts a column's field to Arrow. List items are named `item`, as in Arrow's other implementations. */
export function arrowField({ name, type, nullable }: Field): ArrowField {
  return new ArrowField(name, arrowType(type), nullable);
}

function arrowType(type: FieldType): DataType {
  switch (type.kind) {
    case "numeric":
      return ARROW_NUMBERS[type.type]();
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
