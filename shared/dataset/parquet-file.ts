import type { ReadableStreamDefaultReader } from "node:stream/web";
import { type RecordBatch, type Schema, tableFromIPC } from "apache-arrow";
import type * as parquet from "parquet-wasm";
import { assert } from "../core/assert.ts";
import { sha256 } from "../core/digest.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import type { RowGroup } from "../domain/dataset.ts";
import type { ByteSource } from "../store/store.ts";
import type { DatasetFile, ReadOptions } from "./dataset-file.ts";
import { copyColumns, isCopyable } from "./decoder-columns.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";
import { readParquetTail } from "./parquet-footer.ts";
import { decoderMemoryBytes } from "./parquet-memory.ts";
import { readRowGroups, readSchema } from "./parquet-metadata.ts";
import { borrowParquetRuntime, isTrap, type ParquetRuntime } from "./parquet-runtime.ts";
import { ParquetSource, ReadFailure } from "./parquet-source.ts";
import { cutSegments, type RowSegment } from "./row-segments.ts";
import { columnIndices } from "./schema-columns.ts";

/**
 * Decoded bytes of one batch, about. Decoding goes batch by batch, so that what the decoder holds beside a row group's
 * compressed chunks is two batches, however large the row group. Larger batches were no faster.
 */
const BATCH_BYTES = 8 << 20;
const BATCH_ROWS = { least: 256, most: 65_536 };

/** A row group being decoded: its first batch is asked for as soon as it is opened. */
interface OpenSegment {
  readonly segment: RowSegment;
  readonly reader: ReadableStreamDefaultReader<parquet.RecordBatch>;
  readonly first: Awaited<ReturnType<ReadableStreamDefaultReader<parquet.RecordBatch>["read"]>>;
}

/** Opens a Parquet file: reads and checks its footer, and nothing else. */
export async function openParquetFile(source: ByteSource, signal?: AbortSignal): Promise<DatasetFile> {
  const tail = await readParquetTail(source, signal);
  const runtime = borrowParquetRuntime();
  try {
    const blob = new ParquetSource(source, tail, runtime);
    blob.signal = signal;
    const file = await runtime.run(() => runtime.wasm.ParquetFile.fromFile(blob.asBlob()));
    const rowGroups = runtime.call(() => readRowGroups(file, source.path));
    const schema = runtime.call(() => readSchema(file, source.path));
    return new ParquetDatasetFile({ source, blob, runtime, file, schema, rowGroups, footer: tail.footer });
  } catch (error) {
    const translated = translate(error, source.path, "footer", runtime);
    runtime[Symbol.dispose]();
    throw translated;
  }
}

interface Parts {
  readonly source: ByteSource;
  readonly blob: ParquetSource;
  readonly runtime: ParquetRuntime;
  readonly file: parquet.ParquetFile;
  readonly schema: Schema;
  readonly rowGroups: readonly RowGroup[];
  readonly footer: Uint8Array;
}

class ParquetDatasetFile implements DatasetFile {
  readonly format = "parquet";
  readonly path: string;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  readonly footerSha256: string;
  readonly #blob: ParquetSource;
  readonly #runtime: ParquetRuntime;
  readonly #file: parquet.ParquetFile;
  #isReading = false;
  #isDisposed = false;

  constructor(parts: Parts) {
    this.path = parts.source.path;
    this.schema = parts.schema;
    this.rowGroups = parts.rowGroups;
    this.rows = parts.rowGroups.reduce((sum, group) => sum + group.rows, 0);
    this.footerSha256 = sha256(parts.footer);
    this.#blob = parts.blob;
    this.#runtime = parts.runtime;
    this.#file = parts.file;
  }

  /** One read at a time. After one that failed or was aborted the file must be opened again. */
  async *read({ rowStart, rowEnd, columns, signal }: ReadOptions): AsyncGenerator<RecordBatch> {
    assert(!this.#isReading && !this.#isDisposed, "a Parquet file is open and read by one reader at a time");
    columnIndices(this.schema, columns, this.path);
    const segments = cutSegments(this.rowGroups, rowStart, rowEnd);
    this.#isReading = true;
    this.#blob.signal = signal;
    let current: OpenSegment | undefined;
    let next: Promise<OpenSegment> | undefined;
    try {
      for (const [index, segment] of segments.entries()) {
        current = await (next ?? this.#open(segment, columns));
        const following = segments[index + 1];
        next = following === undefined ? undefined : this.#open(following, columns);
        // Its failure is seen when its turn comes, or not at all when the reader leaves early.
        next?.catch(() => {});
        yield* this.#decode(current, columns, signal);
      }
    } finally {
      await this.#close(current);
      await this.#close(await next?.catch(() => undefined));
      this.#blob.signal = undefined;
      this.#isReading = false;
    }
  }

  async #open(segment: RowSegment, columns: readonly string[]): Promise<OpenSegment> {
    const group = this.rowGroups[segment.group];
    const options = {
      rowGroups: [segment.group],
      columns: [...columns],
      offset: segment.offset,
      limit: segment.rows,
      batchSize: batchRows(group),
    };
    try {
      const stream = await this.#runtime.run(() => this.#file.stream(options));
      const reader: ReadableStreamDefaultReader<parquet.RecordBatch> = stream.getReader();
      return { segment, reader, first: await this.#runtime.run(() => reader.read()) };
    } catch (error) {
      throw this.#translate(error, segment);
    }
  }

  async *#decode(
    { segment, reader, first }: OpenSegment,
    columns: readonly string[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RecordBatch> {
    let rows = 0;
    let schema: Schema | undefined;
    for (let result = first; !result.done; ) {
      signal?.throwIfAborted();
      const { value } = result;
      const batches = this.#call(segment, () => {
        schema ??= tableFromIPC(value.schema.intoIPCStream()).schema;
        return this.#intoArrow(value, schema, columns);
      });
      for (const batch of batches) {
        rows += batch.numRows;
        yield batch;
      }
      try {
        result = await this.#runtime.run(() => reader.read());
      } catch (error) {
        throw this.#translate(error, segment);
      }
    }
    if (rows === segment.rows) return;
    throw inputCorrupt({
      path: this.path,
      where: `row group ${segment.group}`,
      expected: `${segment.rows} rows from row ${segment.offset} on, as its footer says`,
      found: `${rows} rows`,
    });
  }

  /** Copies a decoded batch out of the decoder's memory, frees it there, and keeps only `columns`. */
  #intoArrow(batch: parquet.RecordBatch, schema: Schema, columns: readonly string[]): RecordBatch[] {
    if (batch.numRows === 0) {
      batch.free();
      return [];
    }
    // The decoder takes a name for a path's start: asked for `a` it also gives a column named `a.b`.
    const indices = columnIndices(schema, columns, this.path);
    if (indices.every((index) => isCopyable(schema.fields[index]?.type))) {
      const copied = this.#copyOut(batch, schema, indices);
      if (copied !== null) return [copied];
    }
    const table = tableFromIPC(batch.intoIPCStream());
    return table.batches.map((part) => part.selectAt(indices));
  }

  #copyOut(batch: parquet.RecordBatch, schema: Schema, indices: readonly number[]): RecordBatch | null {
    const exported = batch.toFFI();
    try {
      const { buffer } = this.#runtime.wasm.wasmMemory();
      const copied = copyColumns(buffer, exported.arrayAddr(), schema, indices);
      if (copied !== null) batch.free();
      return copied;
    } finally {
      exported.free();
    }
  }

  #call<T>(segment: RowSegment, call: () => T): T {
    try {
      return this.#runtime.call(call);
    } catch (error) {
      throw this.#translate(error, segment);
    }
  }

  #translate(error: unknown, segment: RowSegment): unknown {
    return translate(error, this.path, `row group ${segment.group}`, this.#runtime);
  }

  async #close(open: OpenSegment | undefined): Promise<void> {
    if (open === undefined || this.#runtime.broken) return;
    await this.#runtime.run(() => open.reader.cancel()).catch(() => {});
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // A broken instance is dropped whole; freeing parts of it would run its code again.
    if (!this.#runtime.broken && !this.#isReading) this.#file.free();
    if (!this.#isReading) this.#runtime[Symbol.dispose]();
  }
}

function batchRows(group: RowGroup | undefined): number {
  const rowBytes = group === undefined || group.rows === 0 ? 0 : group.bytes / group.rows;
  const rows = Math.floor(BATCH_BYTES / Math.max(rowBytes, 1));
  return Math.min(BATCH_ROWS.most, Math.max(BATCH_ROWS.least, rows));
}

/** What the decoder raised, as what it means. The store's errors and the signal's reason come through as they are. */
function translate(error: unknown, path: string, where: string, runtime: ParquetRuntime): unknown {
  if (error instanceof ReadFailure) return error.reason;
  if (error instanceof ShardmillError) return error;
  if (isTrap(error) && runtime.full) {
    const what = `more than ${formatBytes(decoderMemoryBytes)} at once in ${where}`;
    return inputUnsupported(path, what, "write it with smaller row groups, or give its reader more memory");
  }
  return inputCorrupt({
    path,
    where,
    expected: "bytes that the Parquet format allows",
    found: isTrap(error)
      ? "bytes that the decoder cannot make sense of"
      : messageOf(error).replace(/^(External|General): /, ""),
    cause: error,
    poisoned: isTrap(error),
  });
}
