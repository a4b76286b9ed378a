import type { TableFormat } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import { openArrowFile } from "./arrow-file.ts";
import type { DatasetFile } from "./dataset-file.ts";
import { openParquetFile } from "./parquet-file.ts";

/**
 * Opens an input file of either format: reads and checks its footer, and no data.
 *
 * @throws {INPUT_CORRUPT} when bytes are not what the format says, with the place in `fields.where`
 * @throws {INPUT_UNSUPPORTED} for a valid file that uses what the reader lacks
 */
export function openDatasetFile(
  source: ByteSource,
  format: TableFormat,
  signal: AbortSignal,
): Promise<DatasetFile> {
  switch (format) {
    case "parquet":
      return openParquetFile(source, signal);
    case "arrow":
      return openArrowFile(source, signal);
  }
}
