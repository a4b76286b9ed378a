import { type FieldType, innerTypes } from "../domain/dataset.ts";

/**
 * Why no Parquet file can hold a column of this type, or null. What Parquet lacks but holds in another way (dates in
 * milliseconds, times in seconds) is no fault: see `parquetTable`.
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
