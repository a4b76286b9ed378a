import { type DatasetFormat, type InputFile, isTableFormat } from "../domain/dataset.ts";
import { formatOf } from "../domain/formats.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { DatasetFile } from "./dataset-file.ts";
import { openDatasetFile } from "./open-dataset-file.ts";
import { withPartitions } from "./partitioned-file.ts";

type FormatReader = Awaited<ReturnType<ReturnType<typeof formatOf>["openReader"]>>;

/** Readers of the formats that extensions add. Each is opened on first use. */
export class FormatReaders implements AsyncDisposable {
  readonly #readers = new Map<DatasetFormat, Promise<FormatReader>>();

  take(format: DatasetFormat): Promise<FormatReader> {
    const reader = this.#readers.get(format) ?? formatOf(format).openReader();
    this.#readers.set(format, reader);
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#readers.values()) {
      const reader = await opened.catch(() => null);
      await reader?.[Symbol.asyncDispose]();
    }
  }
}

interface OpenOptions {
  readonly readers: FormatReaders;
  readonly signal: AbortSignal;
}

/**
 * Opens a planned input file of any format, with the partition columns of its folders.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
 */
export async function openInputFile(
  source: ByteSource,
  planned: InputFile,
  options: OpenOptions,
): Promise<DatasetFile> {
  const file = await openOwn(source, planned, options);
  return planned.partitions === undefined ? file : withPartitions(file, planned.partitions);
}

async function openOwn(
  source: ByteSource,
  planned: InputFile,
  { readers, signal }: OpenOptions,
): Promise<DatasetFile> {
  const { format } = planned;
  if (isTableFormat(format)) return await openDatasetFile(source, format, signal);
  return await (await readers.take(format)).open(source, planned);
}
