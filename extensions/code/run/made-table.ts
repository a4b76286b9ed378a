import { type Data, RecordBatch, Schema, Table } from "apache-arrow";
import { recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import type { NamedType } from "../../../shared/values/value-type.ts";
import { arrowFieldOf, columnOf } from "../../../shared/values/write-values.ts";
import { checkMadeRow, show, ValueFault } from "./check-value.ts";
import { checkColumn, checkNames, valuesOf } from "./made-columns.ts";

/**
 * Converts the result of a reduction to a record batch of exactly its declared columns.
 *
 * @throws {ValueFault} naming the column, the expected value and the found value
 */
export function madeTable(result: unknown, declared: readonly NamedType[]): RecordBatch {
  if (Array.isArray(result)) return tableOfRows(result, declared);
  if (typeof result !== "object" || result === null || !("columns" in result))
    throw new ValueFault(`returned ${show(result)}: expected an array of rows, or { columns: ... }`);
  const { columns } = result;
  if (typeof columns !== "object" || columns === null)
    throw new ValueFault(
      `\`columns\`: expected an object with a value for each column, found ${show(columns)}`,
    );
  checkNames(columns, declared);
  const rows = rowsOf(columns, declared);
  const sources = Array.from({ length: rows }, (_, row) => row);
  const data = declared.map((column) => {
    const bad = new Map<number, string>();
    const made = checkColumn(valuesOf(columns, column.name), column, sources, bad);
    for (const [row, what] of bad) throw new ValueFault(`row ${row}: ${what}`);
    return made;
  });
  return batchOf(declared, rows, data);
}

function tableOfRows(rows: readonly unknown[], declared: readonly NamedType[]): RecordBatch {
  const checked = Array.from(rows, (row, at) => {
    try {
      return checkMadeRow(row, declared);
    } catch (error) {
      throw error instanceof ValueFault ? new ValueFault(`row ${at}: ${error.message}`) : error;
    }
  });
  const data = declared.map(({ type }, column) =>
    columnOf(
      checked.map((values) => values[column]),
      type,
    ),
  );
  return batchOf(declared, rows.length, data);
}

/** Returns the row count of made columns: the length of the first one. */
function rowsOf(columns: object, [first]: readonly NamedType[]): number {
  if (columns instanceof RecordBatch || columns instanceof Table) return columns.numRows;
  const values = first === undefined ? undefined : valuesOf(columns, first.name);
  const isLong = typeof values === "object" && values !== null && "length" in values;
  return isLong && typeof values.length === "number" ? values.length : 0;
}

function batchOf(declared: readonly NamedType[], rows: number, data: readonly Data[]): RecordBatch {
  return recordBatchOf(new Schema(declared.map(arrowFieldOf)), rows, [...data]);
}
