import { present } from "../core/assert.ts";
import { type DatasetFormat, type FileIndex, type InputFile, isTableFormat } from "../domain/dataset.ts";
import { fileFormatOf, hasFooter, lakeFormatOf, recordFormatOf } from "../domain/formats.ts";
import type { Storages } from "../storage/open-storage.ts";
import { type FetchListed, rowFileOf } from "../storage/row-file.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { DatasetFile } from "./dataset-file.ts";
import { openDatasetFile } from "./open-dataset-file.ts";
import { withPartitions } from "./partitioned-file.ts";

type FormatReader = Awaited<ReturnType<ReturnType<typeof recordFormatOf>["openReader"]>>;

/** Readers of the formats that extensions add. Each is opened on first use. */
export class FormatReaders implements AsyncDisposable {
  readonly #readers = new Map<DatasetFormat, Promise<FormatReader>>();

  take(format: DatasetFormat): Promise<FormatReader> {
    const reader = this.#readers.get(format) ?? recordFormatOf(format).openReader();
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
  /** Reads the files of a list, where each is a row. */
  readonly fetch: FetchListed;
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
  { readers, fetch, signal }: OpenOptions,
): Promise<DatasetFile> {
  const { format } = planned;
  const files = fileFormatOf(format);
  if (files !== null) return (await files.loadReader())(planned, fetch);
  if (hasFooter(format)) return await openWithFooter(source, planned, signal);
  return await (await readers.take(format)).open(source, planned);
}

/**
 * Opens a file with a footer. Files of lake tables are Parquet, and have the columns of their table.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED}
 */
export async function openWithFooter(
  source: ByteSource,
  planned: Pick<InputFile, "format"> & { readonly text?: FileIndex | undefined },
  signal: AbortSignal,
): Promise<DatasetFile> {
  const { format } = planned;
  if (isTableFormat(format)) return await openDatasetFile(source, format, signal);
  const open = await present(lakeFormatOf(format), "a file with a footer").loadReader();
  return open(
    await openDatasetFile(source, "parquet", signal),
    present(planned.text, "a file of a table has an index"),
  );
}

/** Returns a reader of listed files in their own storages, without a check that they are as planned. */
export function fetchIn(storages: Pick<Storages, "at">): FetchListed {
  return ({ path, bytes, version }, signal) =>
    rowFileOf(path, async () => (await storages.at(path)).read(path, 0, bytes, { version, signal }));
}
