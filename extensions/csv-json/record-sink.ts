/** A record as a scan finds it. Offsets are into the bytes that are scanned. */
export interface ScannedRecord {
  /** Bytes `[start, end)`, its line end not among them. */
  readonly start: number;
  readonly end: number;
  /** Where the next one begins. */
  readonly next: number;
  /** Lines that it spans. */
  readonly lines: number;
  /** Values between its delimiters; 0 for a line with a quote that is not closed as it should be. */
  readonly values: number;
}

/** Whatever takes the records that a scan finds, in order. */
export interface RecordSink {
  /** @param record is another one when the call is over */
  record(record: ScannedRecord): void;
  /** A line that is no record, because nothing is in it. */
  blank(next: number): void;
}

/**
 * A record, its line end included, has no more bytes. It is held in memory whole, several times; and that far
 * a quote is looked for that would close another. A larger one is a file of another kind.
 */
export const RECORD_MOST_BYTES = 32 << 20;

export const NEWLINE = 10;
export const RETURN = 13;
