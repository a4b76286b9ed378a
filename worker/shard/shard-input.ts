import type { RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { Store } from "../../shared/store/store.ts";
import type { InputFiles } from "./input-files.ts";

/** The rows of a shard, as its map reads them. */
export interface ShardRows {
  /** Of every record batch, as far as the job's columns go. */
  readonly schema: Schema;
  /** All rows, once. @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {INPUT_CHANGED} {STORE_FAILED} */
  read(columns: readonly string[], signal: AbortSignal): AsyncIterable<RecordBatch>;
}

/** A stat is a round trip on a network file system. */
const STATS_AT_ONCE = 16;

/** The files that a shard's rows lie in, opened one after the other, each read by nobody else meanwhile. */
export class ShardInput implements ShardRows, Disposable {
  readonly schema: Schema;
  readonly #slices: readonly LeaseSlice[];
  readonly #files: InputFiles;
  readonly #onFile: (slice: number) => void;
  /** Of the slices that were begun. */
  readonly #readFrom: Store[] = [];
  /** The one that is read. */
  #file: DatasetFile | null;

  /**
   * Opens the first file.
   *
   * @param onFile is told which slice is begun, before its file is looked at
   */
  static async open(
    slices: readonly LeaseSlice[],
    files: InputFiles,
    { signal, onFile }: { readonly signal: AbortSignal; readonly onFile: (slice: number) => void },
  ): Promise<ShardInput> {
    const first = present(slices[0], "a shard has a file");
    onFile(0);
    return new ShardInput(slices, files, await files.take(first.file, signal), onFile);
  }

  private constructor(
    slices: readonly LeaseSlice[],
    files: InputFiles,
    first: DatasetFile,
    onFile: (slice: number) => void,
  ) {
    this.#slices = slices;
    this.#files = files;
    this.#file = first;
    this.#onFile = onFile;
    this.schema = first.schema;
  }

  async *read(columns: readonly string[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    for (const [index, slice] of this.#slices.entries()) {
      if (index > 0) this.#onFile(index);
      try {
        this.#file ??= await this.#files.take(slice.file, signal);
        this.#readFrom.push(this.#files.storeOf(this.#file));
        yield* readSlice(this.#file, slice, columns, signal);
        this.#files.giveBack(this.#file);
        this.#file = null;
      } catch (error) {
        // A file that is being written looks corrupt.
        const store = this.#readFrom[index];
        if (isShardmillError(error, "INPUT_CORRUPT") && store !== undefined)
          await this.#files.confirm(slice.file, store, signal);
        throw error;
      }
    }
  }

  /**
   * Makes sure that all files are still as they were planned, there where they were read.
   *
   * @throws {INPUT_CHANGED}
   */
  async confirm(signal: AbortSignal): Promise<void> {
    await mapConcurrent(this.#readFrom, STATS_AT_ONCE, async (store, index) => {
      const { file } = present(this.#slices[index], "what was read is a slice of the shard");
      await this.#files.confirm(file, store, signal);
    });
  }

  /** After a read that failed, its file cannot be read again. */
  [Symbol.dispose](): void {
    if (this.#file !== null) this.#files.drop(this.#file);
    this.#file = null;
  }
}

async function* readSlice(
  file: DatasetFile,
  slice: LeaseSlice,
  columns: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const { rowStart, rowEnd } = slice;
  let rows = 0;
  for await (const batch of file.read({ rowStart, rowEnd, columns, signal })) {
    rows += batch.numRows;
    if (rows > shardRows(slice)) break;
    yield batch;
  }
  if (rows !== shardRows(slice)) throw wrongRows(slice, rows);
}

function wrongRows(slice: LeaseSlice, found: number): ShardmillError {
  const { path } = slice.file;
  const expected = shardRows(slice);
  return new ShardmillError("INPUT_CHANGED", `${path} has ${found} rows where its plan says ${expected}`, {
    fields: { path, expected, found },
    hint: "the file was replaced since the job was planned: run the job again with --fresh",
  });
}
