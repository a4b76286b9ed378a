import type { ReadableStreamDefaultReader } from "node:stream/web";
import { type RecordBatch, type Schema, tableFromIPC } from "apache-arrow";
import type * as parquet from "parquet-wasm";
import { NEVER } from "../core/abort.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import type { RowGroup } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import type { ReadOptions } from "./dataset-file.ts";
import { type ColumnChoice, chooseColumns, copyColumns, isCopyable } from "./decoder-columns.ts";
import type { GroupSlice } from "./group-slices.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";
import { openAhead } from "./open-ahead.ts";
import type { ParquetTail } from "./parquet-footer.ts";
import { decoderMemoryBytes } from "./parquet-memory.ts";
import { readColumnPaths, readRowGroups, readSchema, readStoredBytes } from "./parquet-metadata.ts";
import { borrowParquetRuntime, isTrap, type ParquetRuntime } from "./parquet-runtime.ts";
import { ParquetSource, ReadFailure } from "./parquet-source.ts";
import { projectColumns } from "./project-columns.ts";
import { schemaOfStream } from "./record-batch.ts";
import { columnIndices } from "./schema-columns.ts";

/** Approximate memory that the decoder takes for a column in addition to its values. */
const COLUMN_BYTES = 20 << 10;

/** Row group that is being decoded. Opening it requests its first batch. */
interface OpenSlice {
  readonly part: DecoderPart;
  readonly reader: ReadableStreamDefaultReader<parquet.RecordBatch>;
  readonly first: Awaited<ReturnType<ReadableStreamDefaultReader<parquet.RecordBatch>["read"]>>;
}

/** Rows of one row group, and the number that is decoded at once. */
interface DecoderPart extends GroupSlice {
  readonly batchRows: number;
  /**
   * True when the decoder jumps to the first row. False: it decodes the row group's earlier rows, too, and
   * they are dropped.
   */
  readonly jumps: boolean;
}

interface DecoderRead extends Pick<ReadOptions, "columns" | "budget"> {
  readonly parts: readonly DecoderPart[];
  /** True when a row group's first batch is decoded before the previous group's last batch was yielded. */
  readonly isAhead: boolean;
  readonly signal: AbortSignal;
}

/** Columns that a read keeps of each batch. The first batch decides the choice for all. */
interface WantedColumns {
  readonly names: readonly string[];
  choice: ColumnChoice | null;
}

/**
 * Failure of a decoder, which is unusable afterwards. A new one may succeed without a jump, or with fewer
 * rows at once.
 */
export class DecoderFault extends Error {
  /** Error to throw if no further attempt is possible. */
  readonly failure: ShardmillError;
  readonly batchRows: number;
  readonly hasJumped: boolean;

  constructor(failure: ShardmillError, { rows, batchRows, offset, jumps }: DecoderPart) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.batchRows = Math.min(rows, batchRows);
    this.hasJumped = jumps && offset > 0;
  }
}

/** Decoder instance that holds one file's footer. */
export class ParquetDecoder implements Disposable {
  readonly schema: Schema;
  readonly rowGroups: readonly RowGroup[];
  readonly #path: string;
  readonly #blob: ParquetSource;
  readonly #runtime: ParquetRuntime;
  readonly #file: parquet.ParquetFile;
  #isDisposed = false;

  /** @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the store's own errors */
  static async open(source: ByteSource, tail: ParquetTail, signal: AbortSignal): Promise<ParquetDecoder> {
    const runtime = borrowParquetRuntime();
    try {
      const blob = new ParquetSource(source, tail, runtime);
      blob.signal = signal;
      const file = await runtime.run(() => runtime.wasm.ParquetFile.fromFile(blob.asBlob()));
      return runtime.call(() => new ParquetDecoder(blob, runtime, file, source.path));
    } catch (error) {
      const translated = translate(error, source.path, "footer", runtime);
      runtime[Symbol.dispose]();
      throw translated;
    }
  }

  private constructor(blob: ParquetSource, runtime: ParquetRuntime, file: parquet.ParquetFile, path: string) {
    this.rowGroups = readRowGroups(file, path);
    this.schema = readSchema(file, path);
    this.#path = path;
    this.#blob = blob;
    this.#runtime = runtime;
    this.#file = file;
  }

  /**
   * Reads the parts. Supports one read at a time.
   *
   * @throws {DecoderFault}
   */
  async *read({ parts, columns, isAhead, budget, signal }: DecoderRead): AsyncGenerator<RecordBatch> {
    this.#blob.signal = signal;
    const projected = projectColumns(columns, this.schema.fields.length, () =>
      this.#runtime.call(() => readColumnPaths(this.#file)),
    );
    this.#reserve(parts, columns.length);
    const wanted: WantedColumns = { names: columns, choice: null };
    const opened = openAhead(parts, {
      bytesOf: (part) => this.#storedBytes(part, columns),
      open: (part) => this.#open(part, projected),
      close: (slice) => this.#close(slice),
      ...{ isAhead, budget, signal },
    });
    try {
      for await (const slice of opened) yield* this.#decode(slice, wanted, signal);
    } finally {
      this.#blob.signal = NEVER;
    }
  }

  /** Returns the row group's stored bytes of these columns: all are fetched when pages are not separable. */
  #storedBytes(part: DecoderPart, columns: readonly string[]): number {
    const wanted = new Set(columns);
    const stored = this.#call(part, () => readStoredBytes(this.#file, part.group, wanted));
    return Math.min(stored, this.#blob.size);
  }

  /** Reserves memory for a row group's chunks, stored and decoded, and for decoding each column. */
  #reserve(parts: readonly DecoderPart[], columns: number): void {
    const most = parts.reduce((bytes, { group }) => Math.max(bytes, this.rowGroups[group]?.bytes ?? 0), 0);
    this.#runtime.reserve(2 * most + columns * COLUMN_BYTES);
  }

  async #open(part: DecoderPart, columns: readonly string[] | null): Promise<OpenSlice> {
    const options = {
      rowGroups: [part.group],
      ...(columns === null ? {} : { columns: [...columns] }),
      ...(part.jumps
        ? { offset: part.offset, limit: part.rows }
        : { offset: 0, limit: part.offset + part.rows }),
      batchSize: part.batchRows,
    };
    try {
      const stream = await this.#runtime.run(() => this.#file.stream(options));
      const reader: ReadableStreamDefaultReader<parquet.RecordBatch> = stream.getReader();
      return { part, reader, first: await this.#runtime.run(() => reader.read()) };
    } catch (error) {
      throw this.#fault(error, part);
    }
  }

  async *#decode(
    { part, reader, first }: OpenSlice,
    wanted: WantedColumns,
    signal: AbortSignal,
  ): AsyncGenerator<RecordBatch> {
    let rows = 0;
    let before = part.jumps ? 0 : part.offset;
    for (let result = first; !result.done; ) {
      signal.throwIfAborted();
      const { value } = result;
      const batches = this.#call(part, () => this.#intoArrow(value, wanted));
      for (const batch of batches) {
        const dropped = Math.min(before, batch.numRows);
        before -= dropped;
        if (dropped === batch.numRows) continue;
        rows += batch.numRows - dropped;
        yield dropped === 0 ? batch : batch.slice(dropped, batch.numRows);
      }
      try {
        result = await this.#runtime.run(() => reader.read());
      } catch (error) {
        throw this.#fault(error, part);
      }
    }
    if (rows === part.rows) return;
    throw inputCorrupt({
      path: this.#path,
      where: `row group ${part.group}`,
      expected: `${part.rows} rows from row ${part.offset} on, as its footer says`,
      found: `${rows} rows`,
    });
  }

  /** Copies a decoded batch out of the decoder's memory, frees it there, and keeps only `wanted`. */
  #intoArrow(batch: parquet.RecordBatch, wanted: WantedColumns): RecordBatch[] {
    if (batch.numRows === 0) {
      batch.free();
      return [];
    }
    if (wanted.choice === null) {
      // The decoder may return extra columns: a request for `a` also returns a column named `a.b`.
      const schema = schemaOfStream(batch.schema.intoIPCStream());
      wanted.choice = chooseColumns(schema, columnIndices(schema, wanted.names, this.#path));
    }
    const { choice } = wanted;
    if (choice.kept.fields.every(({ type }) => isCopyable(type))) {
      const copied = this.#copyOut(batch, choice);
      if (copied !== null) return [copied];
    }
    const table = tableFromIPC(batch.intoIPCStream());
    return table.batches.map((part) => part.selectAt([...choice.indices]));
  }

  #copyOut(batch: parquet.RecordBatch, choice: ColumnChoice): RecordBatch | null {
    const exported = batch.toFFI();
    try {
      const { buffer } = this.#runtime.wasm.wasmMemory();
      const copied = copyColumns(buffer, exported.arrayAddr(), choice);
      if (copied !== null) batch.free();
      return copied;
    } finally {
      exported.free();
    }
  }

  #call<T>(part: DecoderPart, call: () => T): T {
    try {
      return this.#runtime.call(call);
    } catch (error) {
      throw this.#fault(error, part);
    }
  }

  #fault(error: unknown, part: DecoderPart): unknown {
    const failure = translate(error, this.#path, `row group ${part.group}`, this.#runtime);
    if (!(failure instanceof ShardmillError) || !mayBeTooLarge(error)) return failure;
    return new DecoderFault(failure, part);
  }

  async #close({ reader }: OpenSlice): Promise<void> {
    if (!this.#runtime.broken) await this.#runtime.run(() => reader.cancel()).catch(() => {});
  }

  /** Frees the instance. A broken one is dropped whole: freeing its parts would run its code again. */
  [Symbol.dispose](): void {
    // A second disposal would lend the instance to two users at once.
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (!this.#runtime.broken) this.#file.free();
    this.#runtime[Symbol.dispose]();
  }
}

/**
 * Checks whether fewer rows may help. A batch that exceeds the memory traps. A batch that exceeds its offsets
 * is refused.
 */
function mayBeTooLarge(error: unknown): boolean {
  return isTrap(error) || /overflow/i.test(messageOf(error));
}

/** Translates the decoder's error. Passes on the store's errors and the signal's reason. */
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
      ? "bytes on which the decoder fails, for any number of rows"
      : messageOf(error).replace(/^(External|General): /, ""),
    cause: error,
    poisoned: isTrap(error),
  });
}
