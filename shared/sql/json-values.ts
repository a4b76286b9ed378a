import {
  DuckDBTypeId,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from "@duckdb/node-api";

/** Types whose values may be whole numbers beyond JSON's exact range. */
const WHOLE_NUMBERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.DECIMAL,
]);

/**
 * Converts a DuckDB value to JSON. Whole numbers become numbers if exact, else strings of digits. Decimals
 * with a fraction, dates and blobs become strings. NaN and the infinities become `NaN`, `Infinity`,
 * `-Infinity`.
 */
export const jsonValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  const json = JsonDuckDBValueConverter(value, type, converter);
  if (typeof json !== "string" || !WHOLE_NUMBERS.has(type.typeId)) return json;
  const number = /^-?\d+$/.test(json) ? Number(json) : Number.NaN;
  return Number.isSafeInteger(number) ? number : json;
};
