import type { RecordBatch, Schema } from "apache-arrow";
import type { Digest } from "../core/digest.ts";
import type { RowGroupStatistics } from "../domain/column-statistics.ts";
import type { DatasetFormat, Field, RowGroup } from "../domain/dataset.ts";
import type { FetchReader } from "./fetch-budget.ts";

export interface IpcMessage {
  /** Metadata of the message, without the length prefix. */
  readonly header: Uint8Array;
  /** Pieces of the body, in order. */
  readonly body: readonly Uint8Array[];
}

/** Read of the messages of row groups. */
export interface MessageRead {
  /** First row group after those that are read. */
  readonly end: number;
  readonly messages: Promise<readonly IpcMessage[]>;
}

export interface ReadOptions {
  /** First row of the range `[rowStart, rowEnd)`. */
  readonly rowStart: number;
  readonly rowEnd: number;
  /**
   * Names of the columns to read. Empty: only reports bad rows, in formats of extensions. Such batches do not
   * give the number of rows.
   */
  readonly columns: readonly string[];
  readonly signal: AbortSignal;
  /**
   * Receives each row that is invalid in the file's format, before the batch that has nulls in its place.
   * Default: throws INPUT_CORRUPT. Only formats of extensions have single bad rows.
   */
  readonly onBadRow?: ((row: BadRow) => void) | undefined;
  /** Budget that counts fetched row groups until they are decoded. Default: no limit. */
  readonly budget?: FetchReader | undefined;
}

export interface BadRow {
  /** Row of the file. */
  readonly row: number;
  /** Message with the place, the content found there, and the remedy. */
  readonly message: string;
}

/**
 * Open input file: its footer is parsed, its data not yet read. Each format has one implementation.
 *
 * @throws {INPUT_CORRUPT} when bytes violate the format, with the file and the place
 * @throws {INPUT_UNSUPPORTED} when a valid file uses a feature that the reader lacks
 */
export interface DatasetFile extends Disposable {
  readonly path: string;
  readonly format: DatasetFormat;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  /** sha256 over the footer's bytes. */
  readonly footerSha256: Digest;
  /** Returns the file's statistics of these columns, row group by row group. Null: none. */
  statistics(fields: readonly Field[]): readonly RowGroupStatistics[] | null;
  /**
   * Reads the rows in order, with only `columns`. Each record batch owns its memory, except dictionaries, so
   * that the caller can free it. Fetches only the row groups and column chunks that are needed. Opens at most
   * one row group ahead, if the budget allows it.
   */
  read(options: ReadOptions): AsyncIterable<RecordBatch>;
  /**
   * Reads row groups from `group` on as the Arrow IPC messages that the file holds, unchecked. Reads as many
   * as lie next to each other in `mostBytes`, and at least one. They share memory. Undefined: the format
   * holds no such messages.
   */
  messages?(group: number, mostBytes: number, signal: AbortSignal): MessageRead;
}
