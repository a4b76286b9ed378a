import type { DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import { messageOf } from "../core/errors.ts";
import { quoteIdentifier } from "./quote.ts";
import { type SqlSource, sqlRefused } from "./sql-error.ts";
import { type StoredFor, sqlType, storedType, Unstorable } from "./stored-types.ts";

interface Column {
  readonly name: string;
  readonly type: DuckDBType;
}

/**
 * Returns a SELECT over `view` whose columns a Parquet file stores exactly. Casts types that Parquet would
 * round or rename, inside lists and structs, too. A value that does not fit fails with a conversion error.
 *
 * @throws {SQL_INVALID} for a column that cannot be stored exactly, with its name
 */
export async function storedSelect(
  connection: DuckDBConnection,
  view: string,
  {
    source,
    storedFor,
    columns: wanted,
  }: {
    readonly source: SqlSource;
    readonly storedFor: StoredFor;
    readonly columns?: readonly string[] | undefined;
  },
): Promise<string> {
  const all = await columnsOf(connection, view, source, wanted);
  const columns = all.map(({ name, type }) => {
    const stored = refusing(source, name, () => storedType(type, storedFor));
    return cast(name, sqlType(type), stored);
  });
  return `SELECT ${columns.join(", ")} FROM ${view}`;
}

/**
 * Returns a SELECT over `scan` with the types of the view's columns. `scan` has files that
 * {@link storedSelect} over `view` made.
 */
export async function restoredSelect(
  connection: DuckDBConnection,
  view: string,
  { source, scan }: { readonly source: SqlSource; readonly scan: string },
): Promise<string> {
  const wanted = new Map((await columnsOf(connection, view, source)).map(({ name, type }) => [name, type]));
  const columns = (await columnsOf(connection, scan, source)).map(({ name, type }) => {
    const found = sqlType(type);
    return cast(name, found, sqlType(wanted.get(name) ?? type));
  });
  return `SELECT ${columns.join(", ")} FROM ${scan}`;
}

function cast(name: string, from: string, to: string): string {
  const column = quoteIdentifier(name);
  return from === to ? column : `${column}::${to} AS ${column}`;
}

async function columnsOf(
  connection: DuckDBConnection,
  table: string,
  source: SqlSource,
  names?: readonly string[],
): Promise<readonly Column[]> {
  const select = names === undefined ? "" : `SELECT ${names.map(quoteIdentifier).join(", ")} `;
  const statement = await connection.prepare(`${select}FROM ${table}`);
  try {
    return Array.from({ length: statement.columnCount }, (_, index) => {
      const name = statement.columnName(index);
      return { name, type: refusing(source, name, () => statement.columnType(index)) };
    });
  } finally {
    statement.destroySync();
  }
}

/** Refuses types that DuckDB's own library does not support: states of aggregates, types as values. */
function refusing<T>(source: SqlSource, column: string, typeOf: () => T): T {
  try {
    return typeOf();
  } catch (error) {
    const known = error instanceof Unstorable ? error : null;
    throw sqlRefused(source, {
      what: `column \`${column}\` cannot be written: ${known?.message ?? messageOf(error)}`,
      expected: "a type that a Parquet file stores without loss",
      found: known?.type ?? "a type that only DuckDB itself has",
      hint: known?.hint ?? "cast the column to another type",
    });
  }
}
