import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteIdentifier } from "./quote.ts";

/**
 * A SELECT over `table` whose columns a Parquet file can hold exactly: 128-bit integers, which DuckDB would write as
 * doubles, become DECIMAL(38, 0), inside lists and structs too. A value of 39 digits fails with a conversion error.
 */
export async function exactSelect(connection: DuckDBConnection, table: string): Promise<string> {
  const statement = await connection.prepare(`FROM ${table}`);
  try {
    const columns: string[] = [];
    for (let index = 0; index < statement.columnCount; index += 1) {
      const name = quoteIdentifier(statement.columnName(index));
      columns.push(exactColumn(name, String(statement.columnType(index))));
    }
    return `SELECT ${columns.join(", ")} FROM ${table}`;
  } finally {
    statement.destroySync();
  }
}

function exactColumn(name: string, type: string): string {
  const exact = exactType(type);
  return exact === type ? name : `${name}::${exact} AS ${name}`;
}

/** Field names of structs are quoted in a type's text: what is inside quotes stays as it is. */
export function exactType(type: string): string {
  return type.replace(/"(?:[^"]|"")*"|\bU?HUGEINT\b/g, (part) =>
    part.startsWith('"') ? part : "DECIMAL(38, 0)",
  );
}
