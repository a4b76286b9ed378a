import { NEVER } from "../../shared/core/abort.ts";
import { countParquetRows } from "../../shared/dataset/parquet-rows.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";

/**
 * How many rows a partial's file holds by its own footer.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} when the file is not what its name says
 */
export type CountRows = (file: ByteSource) => Promise<number>;

export const countRows: CountRows = async (file) => {
  if (!file.path.endsWith(".arrow")) return countParquetRows(file, NEVER);
  // Few jobs write Arrow, and the library takes longer to load than thousands of partials to check.
  const { openArrowFile } = await import("../../shared/dataset/arrow-file.ts");
  using opened = await openArrowFile(file, NEVER);
  return opened.rows;
};
