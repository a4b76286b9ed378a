import type { RecordBatch, Schema } from "apache-arrow";
import { assert } from "../core/assert.ts";
import { type Digest, sha256 } from "../core/digest.ts";
import type { RowGroupStatistics } from "../domain/column-statistics.ts";
import type { Field, RowGroup } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import { BatchSize } from "./batch-size.ts";
import type { DatasetFile, ReadOptions } from "./dataset-file.ts";
import { cutRowGroups } from "./group-slices.ts";
import { DecoderFault, ParquetDecoder } from "./parquet-decoder.ts";
import { type ParquetTail, readParquetTail } from "./parquet-footer.ts";
import { readStatistics } from "./parquet-statistics.ts";
import { columnIndices } from "./schema-columns.ts";
import { rowBytes } from "./value-bytes.ts";

export async function openParquetFile(source: ByteSource, signal: AbortSignal): Promise<DatasetFile> {
  const tail = await readParquetTail(source, signal);
  return new ParquetDatasetFile(source, tail, await ParquetDecoder.open(source, tail, signal));
}

class ParquetDatasetFile implements DatasetFile {
  readonly format = "parquet";
  readonly path: string;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  readonly footerSha256: Digest;
  readonly #source: ByteSource;
  readonly #tail: ParquetTail;
  #decoder: ParquetDecoder;
  readonly #batchSize = new BatchSize();
  /**
   * True while reads jump into row groups. Jumping is faster, but the decoder cannot do it in every file
   * (DuckDB's long runs of differences).
   */
  #jumps = true;
  /** True after a decoder failed on the file. Row groups are then decoded one after the other. */
  #hasFaults = false;
  #isReading = false;
  #isDisposed = false;

  constructor(source: ByteSource, tail: ParquetTail, decoder: ParquetDecoder) {
    this.path = source.path;
    this.schema = decoder.schema;
    this.rowGroups = decoder.rowGroups;
    this.rows = decoder.rowGroups.reduce((sum, group) => sum + group.rows, 0);
    this.footerSha256 = sha256(tail.footer);
    this.#source = source;
    this.#tail = tail;
    this.#decoder = decoder;
  }

  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] | null {
    return readStatistics(this.#tail.footer, fields);
  }

  /**
   * Reads rows. Supports one read at a time. After a read that failed or was aborted, open the file again.
   *
   * Decoded sizes are known only after decoding. When a batch is far larger than intended or fails to decode,
   * the remaining rows are read in smaller batches. When decoding fails after a jump into a row group, the
   * rows are read again without one.
   */
  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    assert(!this.#isReading && !this.#isDisposed, "a Parquet file is open and read by one reader at a time");
    columnIndices(this.schema, options.columns, this.path);
    this.#isReading = true;
    try {
      let { rowStart } = options;
      while (rowStart < options.rowEnd) {
        try {
          for await (const batch of this.#readFrom(rowStart, options)) {
            const { numRows, data } = batch;
            rowStart += numRows;
            const isLarge = this.#batchSize.shrinkIfLarge(numRows, rowBytes(data, 0, numRows));
            yield batch;
            if (isLarge) break;
          }
        } catch (error) {
          await this.#replaceDecoder(error, options.signal);
        }
      }
    } finally {
      this.#isReading = false;
    }
  }

  #readFrom(rowStart: number, { rowEnd, columns, budget, signal }: ReadOptions): AsyncIterable<RecordBatch> {
    const parts = cutRowGroups(this.rowGroups, rowStart, rowEnd).map((slice) => ({
      ...slice,
      batchRows: this.#batchSize.rowsOf(this.rowGroups[slice.group]),
      jumps: this.#jumps,
    }));
    return this.#decoder.read({ parts, columns, isAhead: !this.#hasFaults, budget, signal });
  }

  /** Opens a new decoder to read without jumps, then with fewer rows. Else throws the failure. */
  async #replaceDecoder(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof DecoderFault)) throw error;
    if (error.hasJumped) this.#jumps = false;
    else if (!this.#batchSize.shrinkAfterFault(error.batchRows)) throw error.failure;
    this.#hasFaults = true;
    this.#decoder[Symbol.dispose]();
    this.#decoder = await ParquetDecoder.open(this.#source, this.#tail, signal);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    // During a read the decoder's parts cannot be freed: they go with its instance.
    if (!this.#isReading) this.#decoder[Symbol.dispose]();
  }
}
