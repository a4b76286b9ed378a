import {
  DuckDBTypeId,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from "@duckdb/node-api";

/** Types whose values may be whole numbers beyond what JSON can hold. */
const WHOLE_NUMBERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.DECIMAL,
]);

/**
 * A DuckDB value as JSON. Whole numbers are numbers while they are exact and digits in a string beyond;
 * decimals with a fraction, dates and blobs are strings; NaN and the infinities are the strings `NaN`,
 * `Infinity`, `-Infinity`.
 */
export const jsonValue: DuckDBValueConverter<Json> = (value, type, converter) => {
  const json = JsonDuckDBValueConverter(value, type, converter);
  if (typeof json !== "string" || !WHOLE_NUMBERS.has(type.typeId)) return json;
  const number = /^-?\d+$/.test(json) ? Number(json) : Number.NaN;
  return Number.isSafeInteger(number) ? number : json;
};
