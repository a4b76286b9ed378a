/** Record as a scan finds it. Offsets are in the scanned bytes. */
export interface ScannedRecord {
  /** Bytes `[start, end)` without the line end. */
  readonly start: number;
  readonly end: number;
  /** Start of the next record. */
  readonly next: number;
  /** Number of lines in the record. */
  readonly lines: number;
  /** Number of values. 0: the line has an unclosed or malformed quote. */
  readonly values: number;
}

/** Receiver of the records that a scan finds, in order. */
export interface RecordSink {
  /** @param record reused after the call */
  record(record: ScannedRecord): void;
  /** Receives a line without content, which is not a record. */
  blank(next: number): void;
}

/**
 * Size limit of a record, line end included. A record is held in memory several times, and a closing quote is
 * searched for up to this limit. A larger record indicates another kind of file.
 */
export const RECORD_MOST_BYTES = 32 << 20;

export const NEWLINE = 10;
export const RETURN = 13;
