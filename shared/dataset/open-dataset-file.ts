import type { TableFormat } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import { openArrowFile } from "./arrow-file.ts";
import type { DatasetFile } from "./dataset-file.ts";
import { openParquetFile } from "./parquet-file.ts";

/**
 * Opens an input file of either format. Reads and checks its footer, and no data.
 *
 * @throws {INPUT_CORRUPT} when bytes violate the format, with the place in `fields.where`
 * @throws {INPUT_UNSUPPORTED} when a valid file uses a feature that the reader lacks
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
