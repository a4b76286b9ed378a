import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { Location } from "../../shared/domain/location.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { openSqlProcess } from "../../shared/sql/sql-process-client.ts";
import { pathOfFile } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";

export interface ReductionPreview {
  readonly columns: readonly string[];
  /** First rows, as JSON values. */
  readonly rows: readonly (readonly unknown[])[];
  readonly totalRows: number;
}

/**
 * Reads the first rows of a published reduction, for display.
 *
 * @throws {SQL_FAILED} when the file is missing or is not Parquet
 */
export async function readReduction(
  location: Location,
  storage: Storage,
  maxRows: number,
): Promise<ReductionPreview> {
  const tempFolder = await makeTempFolder("preview");
  try {
    const { signal } = new AbortController();
    const file = await pathOfFile(location, { storage, scratch: tempFolder, signal });
    await using database = await openSqlProcess({
      folders: [dirname(file)],
      tempFolder,
      purpose: "result",
      signal,
    });
    const scan = parquetScan([file]);
    const described = await database.rows(`SELECT column_name FROM (DESCRIBE FROM ${scan})`);
    const columns = described.map((row) => String(row.column_name));
    const [count] = await database.rows(`SELECT count(*) AS n FROM ${scan}`);
    // Columns by position: a row is a plain object, which cannot hold a column named `__proto__`.
    const places = columns.map((_, index) => `#${index + 1} AS c${index}`).join(", ");
    const limit = Math.max(0, Math.floor(maxRows));
    const rows = await database.rows(`SELECT ${places} FROM ${scan} LIMIT ${limit}`);
    return {
      columns,
      rows: rows.map((row) => columns.map((_, index) => row[`c${index}`])),
      totalRows: Number(count?.n ?? 0),
    };
  } finally {
    await rm(tempFolder, { recursive: true, force: true });
  }
}
