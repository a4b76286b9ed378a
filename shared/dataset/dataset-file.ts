import type { RecordBatch, Schema } from "apache-arrow";
import type { Digest } from "../core/digest.ts";
import type { RowGroupStatistics } from "../domain/column-statistics.ts";
import type { DatasetFormat, Field, RowGroup } from "../domain/dataset.ts";
import type { FetchReader } from "./fetch-budget.ts";

/** One message of Arrow IPC. */
export interface IpcMessage {
  /** Its metadata, without the length in front. */
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export interface ReadOptions {
  /** Rows `[rowStart, rowEnd)` of the file. */
  readonly rowStart: number;
  readonly rowEnd: number;
  /**
   * None: of formats of extensions alone, to be told of bad rows. How many rows there are, such batches do
   * not say.
   */
  readonly columns: readonly string[];
  readonly signal: AbortSignal;
  /**
   * Told of each row that is none of the file's format, before the batch in which nulls stand for it. Left
   * out: INPUT_CORRUPT. Only in formats of extensions rows are bad one by one.
   */
  readonly onBadRow?: ((row: BadRow) => void) | undefined;
  /** Where the bytes of row groups are counted that are fetched and not decoded. Left out: nowhere. */
  readonly budget?: FetchReader | undefined;
}

export interface BadRow {
  /** Of the file. */
  readonly row: number;
  /** Where it is, what was found there, and what to do. */
  readonly message: string;
}

/**
 * An open input file: its footer is parsed, its data not yet read. One implementation a format.
 *
 * @throws {INPUT_CORRUPT} when bytes are not what the format says, naming the file and the place
 * @throws {INPUT_UNSUPPORTED} for a valid file that uses what the reader lacks
 */
export interface DatasetFile extends Disposable {
  readonly path: string;
  readonly format: DatasetFormat;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  /** sha256 over the footer's bytes. */
  readonly footerSha256: Digest;
  /** What the file says of these columns' values, row group by row group; null: nothing. */
  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] | null;
  /**
   * The rows in order, as record batches that own their memory, dictionaries apart, so that it can be freed
   * with each of them, and hold only `columns`. Reads only the row groups and column chunks that are needed,
   * one row group ahead at most, and that one only where the budget has room.
   */
  read(options: ReadOptions): AsyncIterable<RecordBatch>;
  /**
   * A row group as it stands in the file: a message of Arrow IPC, as it was written, checked by nobody. Left
   * out: it is no such message.
   */
  message?(group: number, signal: AbortSignal): Promise<IpcMessage>;
}
