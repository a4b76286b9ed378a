import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from "@duckdb/node-api";
import type { FieldType, NumericType } from "../domain/dataset.ts";

const NUMBERS: Readonly<Partial<Record<DuckDBTypeId, NumericType>>> = {
  [DuckDBTypeId.BOOLEAN]: "bool",
  [DuckDBTypeId.TINYINT]: "int8",
  [DuckDBTypeId.SMALLINT]: "int16",
  [DuckDBTypeId.INTEGER]: "int32",
  [DuckDBTypeId.BIGINT]: "int64",
  [DuckDBTypeId.UTINYINT]: "uint8",
  [DuckDBTypeId.USMALLINT]: "uint16",
  [DuckDBTypeId.UINTEGER]: "uint32",
  [DuckDBTypeId.UBIGINT]: "uint64",
  [DuckDBTypeId.FLOAT]: "float32",
  [DuckDBTypeId.DOUBLE]: "float64",
  // DuckDB's type for whole numbers of both signs.
  [DuckDBTypeId.HUGEINT]: "int64",
  // More digits than any type here supports.
  [DuckDBTypeId.UHUGEINT]: "float64",
  [DuckDBTypeId.DECIMAL]: "float64",
};

/**
 * Returns the plain type for a type that DuckDB detected in text. Types with names of DuckDB's own (UUID,
 * JSON, a time of day) stay text.
 */
export function plainTypeOf(type: DuckDBType): FieldType {
  const number = NUMBERS[type.typeId];
  if (number !== undefined) return { kind: "numeric", type: number };
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType)
    return { kind: "list", item: plainTypeOf(type.valueType) };
  if (type instanceof DuckDBMapType)
    return { kind: "map", key: plainTypeOf(type.keyType), value: plainTypeOf(type.valueType) };
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map((name, index) => {
      const entry = type.entryTypes[index];
      if (entry === undefined) throw new Error("broken invariant: an entry of a struct has a type");
      return { name, type: plainTypeOf(entry), nullable: true };
    });
    return { kind: "struct", fields };
  }
  if (type.typeId === DuckDBTypeId.DATE) return { kind: "date", unit: "day" };
  const isTimestamp = type.typeId === DuckDBTypeId.TIMESTAMP || type.typeId === DuckDBTypeId.TIMESTAMP_TZ;
  return isTimestamp ? { kind: "timestamp", unit: "microsecond", zone: null } : { kind: "string" };
}
