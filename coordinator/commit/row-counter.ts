import { NEVER } from "../../shared/core/abort.ts";
import { countParquetRows } from "../../shared/dataset/parquet-rows.ts";
import { textFormOf } from "../../shared/domain/output-formats.ts";
import { parseFolderIndex } from "../../shared/rows/folder-index.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";

/**
 * Returns the rows of a partial's file, according to its footer or its list of folders. Null: its format has
 * no footer. The worker has then compared the rows that DuckDB wrote.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} when the file has not the format of its name
 */
export type CountRows = (file: ByteSource) => Promise<number | null>;

export const countRows: CountRows = async (file) => {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  if (textFormOf(name.slice(name.indexOf(".") + 1)) !== null) return null;
  if (name.endsWith(".json")) return await countFolderRows(file);
  if (!file.path.endsWith(".arrow")) return countParquetRows(file, NEVER);
  // Loaded on demand: few jobs write Arrow, and loading the library takes longer than checking thousands of
  // partials.
  const { openArrowFile } = await import("../../shared/dataset/arrow-file.ts");
  using opened = await openArrowFile(file, NEVER);
  return opened.rows;
};

async function countFolderRows(file: ByteSource): Promise<number> {
  const text = Buffer.from(await file.read(0, file.bytes, NEVER)).toString();
  return parseFolderIndex(text, file.path).reduce((sum, { rows }) => sum + rows, 0);
}
