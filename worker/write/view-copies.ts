import { ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import { parquetScan, quoteIdentifier } from "../../shared/sql/quote.ts";
import type { SqlDatabase } from "../../shared/sql/sql-database.ts";
import type { CopiedSlice } from "../read/copy-slices.ts";

/** Empty table with the columns of mapped rows. */
const MAPPED = "shardmill:mapped";

/**
 * Creates the view `rows` of a shard, over copies of its row groups. It has the columns, types and rows of
 * the shard's mapped rows.
 *
 * @param paths copies in the order of `copies`, where SQL may read them
 * @param fields columns of the mapped rows
 * @throws {SQL_FAILED} when DuckDB reads other types or other rows
 */
export async function viewCopies(
  database: SqlDatabase,
  paths: readonly string[],
  { copies, fields }: { readonly copies: readonly CopiedSlice[]; readonly fields: readonly Field[] },
): Promise<void> {
  const columns = fields.map(({ name }) => quoteIdentifier(name)).join(", ");
  const selects = copies.map(({ rowStart, rowEnd, rows }, index) => {
    const select = `SELECT ${columns} FROM ${parquetScan(paths.slice(index, index + 1))}`;
    if (rowStart === 0 && rowEnd === rows) return select;
    return `${select} WHERE file_row_number >= ${rowStart} AND file_row_number < ${rowEnd}`;
  });
  await database.run(emptyTable(MAPPED, fields));
  const expected = await typesOf(database, `SELECT * FROM ${quoteIdentifier(MAPPED)}`);
  for (const select of selects) {
    const found = await typesOf(database, select);
    if (found !== expected) throw otherRows(expected, found);
  }
  await database.run(`CREATE OR REPLACE VIEW "rows" AS ${selects.join(" UNION ALL ")}`);
  const wanted = copies.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0);
  const [counted] = await database.rows('SELECT count(*) AS n FROM "rows"');
  if (Number(counted?.n) !== wanted) throw otherRows(`${wanted} rows`, `${counted?.n} rows`);
}

async function typesOf(database: SqlDatabase, select: string): Promise<string> {
  const columns = await database.rows(`DESCRIBE ${select}`);
  return columns.map(({ column_name, column_type }) => `${column_name} ${column_type}`).join(", ");
}

function otherRows(expected: string, found: string): ShardmillError {
  return new ShardmillError("SQL_FAILED", "DuckDB reads other rows than the map", {
    fields: { expected, found },
  });
}
