import { DataType } from "apache-arrow";

/** Checks whether a type holds strings or binary: values of any number of bytes, between offsets. */
export function hasByteValues(type: DataType): boolean {
  return (
    DataType.isUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isLargeBinary(type)
  );
}
