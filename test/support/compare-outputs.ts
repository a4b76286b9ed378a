import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LockedDatabase, openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";

/** Differences between two outputs on this disk, as DuckDB reads them. */
interface OutputComparison {
  /** Number of rows in the first. */
  readonly rows: number;
  /** Differences. None: each table has the same columns, and the same rows equally often. */
  readonly differences: readonly string[];
}

export async function compareOutputs(expected: string, found: string): Promise<OutputComparison> {
  const folders = [expected, found];
  await using database = await openLockedDatabase({ folders, tempFolder: tmpdir() });
  const [tables, others] = await Promise.all([tablesIn(expected), tablesIn(found)]);
  const differences = tables.join() === others.join() ? [] : [`tables ${others} in place of ${tables}`];
  let rows = 0;
  for (const table of tables.filter((each) => others.includes(each))) {
    const one = `read_parquet(${quoteLiteral(join(expected, table))})`;
    const other = `read_parquet(${quoteLiteral(join(found, table))})`;
    const [columns, otherColumns] = [await columnsOf(database, one), await columnsOf(database, other)];
    if (columns !== otherColumns) {
      differences.push(`${table}: columns ${otherColumns} in place of ${columns}`);
      continue;
    }
    const [counts = {}] = await database.rows(
      `SELECT (SELECT count(*) FROM ${one}) AS here,
        (SELECT count(*) FROM (FROM ${one} EXCEPT ALL FROM ${other})) AS missing,
        (SELECT count(*) FROM (FROM ${other} EXCEPT ALL FROM ${one})) AS more`,
    );
    const [here, missing, more] = [counts.here, counts.missing, counts.more].map(Number);
    if (table === ROWS) rows = here ?? 0;
    if (missing !== 0 || more !== 0)
      differences.push(`${table}: ${missing} of ${here} rows are missing, and ${more} are extra`);
  }
  return { rows, differences };
}

const ROWS = "rows/*.parquet";

/** Returns the names of the tables: the rows, and each reduction. */
async function tablesIn(out: string): Promise<string[]> {
  const names = (await readdir(out, { recursive: true })).filter((name) => /\.(parquet|pq)$/.test(name));
  return [...new Set(names.map((name) => (name.startsWith("rows/") ? ROWS : name)))].sort();
}

async function columnsOf(database: LockedDatabase, table: string): Promise<string> {
  const columns = await database.rows(`SELECT column_name, column_type FROM (DESCRIBE FROM ${table})`);
  return columns.map(({ column_name, column_type }) => `${column_name} ${column_type}`).join(", ");
}
