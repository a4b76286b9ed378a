import type { RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { readAhead } from "../../shared/core/read-ahead.ts";
import type { BadRow, DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { type FetchBudget, type FetchReader, UNCOUNTED } from "../../shared/dataset/fetch-budget.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { isSmallFile } from "../../shared/storage/small-file.ts";
import type { FetchedFile, InputFiles } from "./input-files.ts";
import { joinSmallBatches } from "./join-batches.ts";
import { UnreadableRows } from "./unreadable-rows.ts";
import type { Way } from "./ways.ts";

/** Rows of a shard for the map. */
export interface ShardRows {
  /** Schema of every record batch, for the job's columns. */
  readonly schema: Schema;
  /** Rows read so far that were unreadable, and became nulls. Default: there are none. */
  readonly unreadable?: UnreadableRows;
  /**
   * Reads all rows, once.
   *
   * @throws {INPUT_CORRUPT} when a file is damaged
   * @throws {INPUT_UNSUPPORTED} when a file has an unsupported feature
   * @throws {INPUT_CHANGED} when a file differs from the plan
   * @throws {STORE_FAILED} when a request to the store fails
   */
  read(columns: readonly string[], signal: AbortSignal): AsyncIterable<RecordBatch>;
}

/**
 * Small files that are fetched concurrently: a mebibyte at most, or eight from a store. On a network file
 * system, each read and stat is a round trip.
 */
const FILES_AHEAD = 16;

interface InputCalls {
  readonly signal: AbortSignal;
  /** Called with the slice that begins, before its file is opened. */
  readonly onFile: (slice: number) => void;
  /** Budget shared with other shards of the thread, in order of opening. Default: none. */
  readonly budget?: FetchBudget;
}

/** Files of a shard's rows, opened one after another. Each has no other reader meanwhile. */
export class ShardInput implements ShardRows, Disposable {
  readonly #slices: readonly LeaseSlice[];
  readonly #files: InputFiles;
  readonly #calls: InputCalls;
  /** Fetched files by slice, in order, read ahead. */
  readonly #fetched: AsyncGenerator<FetchedFile | null, void>;
  /** Ways by slice, for slices that have begun. */
  readonly #readFrom: Way[] = [];
  readonly unreadable = new UnreadableRows();
  readonly #budget: FetchReader;
  /** File that is being read. */
  #file: DatasetFile | null = null;
  #schema: Schema | null = null;

  /** Opens the first file. */
  static async open(
    slices: readonly LeaseSlice[],
    files: InputFiles,
    calls: InputCalls,
  ): Promise<ShardInput> {
    const input = new ShardInput(slices, files, calls);
    try {
      await input.#open(0, present(slices[0], "a shard has a file"), calls.signal);
      return input;
    } catch (error) {
      input[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(slices: readonly LeaseSlice[], files: InputFiles, calls: InputCalls) {
    this.#slices = slices;
    this.#files = files;
    this.#calls = calls;
    this.#budget = calls.budget?.open() ?? UNCOUNTED;
    this.#fetched = readAhead(slices, FILES_AHEAD, (slice) => files.fetch(slice, calls.signal));
  }

  get schema(): Schema {
    return present(this.#schema, "the first file is open");
  }

  read(columns: readonly string[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    return joinSmallBatches(this.#readSlices(columns, signal));
  }

  async *#readSlices(columns: readonly string[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    let shardRow = 0;
    for (const [index, slice] of this.#slices.entries()) {
      const ahead = shardRow - slice.rowStart;
      const onBadRow = ({ row, message }: BadRow) => this.unreadable.note(ahead + row, message);
      shardRow += shardRows(slice);
      try {
        const file = index === 0 ? this.#file : null;
        const opened = file ?? (await this.#open(index, slice, signal));
        yield* readSlice(opened, slice, { columns, signal, onBadRow, budget: this.#budget });
        this.#release();
      } catch (error) {
        // A file that is being written looks corrupt.
        const way = this.#readFrom[index];
        if (isShardmillError(error, "INPUT_CORRUPT") && way !== undefined)
          await this.#files.confirm(slice.file, way, signal);
        throw error;
      }
    }
    // Now the next shard has priority.
    this.#budget[Symbol.dispose]();
  }

  /**
   * Checks that all files are still as planned, on the ways they were read. Small files were checked after
   * they were fetched.
   *
   * @throws {INPUT_CHANGED} when a file differs from the plan
   */
  async confirm(signal: AbortSignal): Promise<void> {
    await mapConcurrent(this.#readFrom, FILES_AHEAD, async (way, index) => {
      const { file } = present(this.#slices[index], "what was read is a slice of the shard");
      if (!isSmallFile(file)) await this.#files.confirm(file, way, signal);
    });
  }

  async #open(index: number, { file }: LeaseSlice, signal: AbortSignal): Promise<DatasetFile> {
    this.#calls.onFile(index);
    const fetched = (await this.#fetched.next()).value ?? null;
    const opened = await this.#files.take(file, fetched, signal);
    this.#file = opened;
    this.#schema ??= opened.schema;
    this.#readFrom.push(this.#files.wayOf(opened));
    return opened;
  }

  #release(): void {
    if (this.#file !== null) this.#files.release(this.#file);
    this.#file = null;
  }

  /** Closes the current file. After a failed read, it cannot be read again. */
  [Symbol.dispose](): void {
    this.#budget[Symbol.dispose]();
    if (this.#file !== null) this.#files.drop(this.#file);
    this.#file = null;
  }
}

async function* readSlice(
  file: DatasetFile,
  slice: LeaseSlice,
  options: Pick<ReadOptions, "columns" | "signal" | "onBadRow" | "budget">,
): AsyncGenerator<RecordBatch> {
  const { rowStart, rowEnd } = slice;
  let rows = 0;
  for await (const batch of file.read({ rowStart, rowEnd, ...options })) {
    rows += batch.numRows;
    if (rows > shardRows(slice)) break;
    yield batch;
  }
  if (rows !== shardRows(slice)) throw wrongRows(slice, rows);
}

function wrongRows(slice: LeaseSlice, found: number): ShardmillError {
  const { path } = slice.file;
  const expected = shardRows(slice);
  return new ShardmillError("INPUT_CHANGED", `${path} has ${found} rows, but ${expected} in the job's plan`, {
    fields: { path, expected, found },
    hint: "run the job again with --fresh: the file was replaced since the job was planned",
  });
}
