import { type FieldType, innerTypes } from "../domain/dataset.ts";

/**
 * Returns the type of a column in a Parquet file: in Parquet's unit, and without dictionaries. `parquetTable`
 * converts the values.
 */
export function parquetForm(type: FieldType): FieldType {
  switch (type.kind) {
    case "date":
      return { kind: "date", unit: "day" };
    case "time":
    case "timestamp":
      return type.unit === "second" ? { ...type, unit: "millisecond" } : type;
    case "dictionary":
      return parquetForm(type.values);
    case "list":
    case "fixedList":
      return { ...type, item: innerForm(type.item) };
    case "map":
      return { ...type, key: innerForm(type.key), value: innerForm(type.value) };
    case "struct":
      return { ...type, fields: type.fields.map((field) => ({ ...field, type: innerForm(field.type) })) };
    default:
      return type;
  }
}

/** Returns the type within a list, map or struct. Parquet supports untyped nulls only for whole columns. */
function innerForm(type: FieldType): FieldType {
  return type.kind === "null" ? { kind: "numeric", type: "int32" } : parquetForm(type);
}

/**
 * Returns the reason why no Parquet file can hold a column of this type. Null: a file can. Types that Parquet
 * stores in another form (dates in milliseconds, times in seconds) are no fault: see `parquetForm`.
 */
export function parquetFault(type: FieldType): string | null {
  return (
    ownFault(type) ??
    innerTypes(type)
      .map(parquetFault)
      .find((fault) => fault !== null) ??
    null
  );
}

function ownFault(type: FieldType): string | null {
  switch (type.kind) {
    case "union":
      return "Parquet has no unions";
    case "interval":
      return type.unit === "monthDayNano" ? "Parquet has no intervals with nanoseconds" : null;
    case "decimal":
      return type.scale < 0 ? "Parquet has no decimals of a negative scale" : null;
    case "struct":
      return type.fields.length === 0 ? "Parquet has no structs without fields" : null;
    case "fixedList":
      return type.length === 0 ? "Parquet has no lists of length 0" : null;
    case "fixedBinary":
      return type.bytes === 0 ? "Parquet has no binary of 0 bytes" : null;
    default:
      return null;
  }
}
