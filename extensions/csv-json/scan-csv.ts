import type { CsvForm } from "./op.ts";
import { NEWLINE, RECORD_MOST_BYTES, RETURN, type RecordSink } from "./record-sink.ts";

const SPACE = 32;
const NO_BYTE = -1;

/** Delimiter, quote and escape of CSV as bytes. */
interface CsvMarks {
  readonly delimiter: number;
  readonly quote: number;
  readonly escaping: number;
}

export function csvMarks(form: Pick<CsvForm, "delimiter" | "quote" | "escape">): CsvMarks {
  const byteOf = (text: string) => (text === "" ? NO_BYTE : text.charCodeAt(0));
  return {
    delimiter: byteOf(form.delimiter),
    quote: byteOf(form.quote),
    escaping: byteOf(form.escape),
  };
}

/**
 * Results of a search that found no end. `CUT`: the bytes ended, and more may follow. `BROKEN`: a malformed
 * quote.
 */
const CUT = -1;
const BROKEN = -2;

/**
 * Finds the records of CSV: RFC 4180 and DuckDB's extensions. These are spaces around quotes, and quotes
 * within unquoted values. A line end within quotes does not end the record. A line ends with `\n`, `\r\n` or
 * `\r`. An empty line is not a record.
 *
 * Law: a malformed quote costs the first line of its record and no other line. Such a quote is never closed,
 * or its closing quote precedes neither a delimiter nor a line end. So the bytes between two record starts
 * give the same records in any context.
 *
 * @param isEnd true when no bytes follow
 * @returns the start of the first incomplete record, or the length of `bytes`
 */
export function scanCsv(
  bytes: Uint8Array,
  from: number,
  { marks, isEnd }: { readonly marks: CsvMarks; readonly isEnd: boolean },
  sink: RecordSink,
): number {
  const { delimiter, quote } = marks;
  const { length } = bytes;
  const quotes = new QuoteScan(bytes, marks, isEnd);
  const found = { start: 0, end: 0, next: 0, lines: 1, values: 0 };
  let start = from;
  // A hot loop over every input byte: it allocates nothing, and calls functions for quotes only.
  while (start < length) {
    let at = start;
    let values = 1;
    let next = CUT;
    quotes.lines = 1;
    for (;;) {
      const first = bytes[at];
      const opening = first === quote || first === SPACE ? quotes.openingAt(at) : -1;
      if (opening >= 0) {
        at = quotes.behind(opening);
        if (at < 0) break;
      } else {
        while (at < length) {
          const byte = bytes[at];
          if (byte === delimiter || byte === NEWLINE || byte === RETURN) break;
          at += 1;
        }
      }
      if (at >= length || bytes[at] !== delimiter) {
        next = behindLine(bytes, at, isEnd);
        break;
      }
      values += 1;
      at += 1;
    }
    if (next >= 0 && next - start <= RECORD_MOST_BYTES) {
      found.start = start;
      found.end = at;
      found.next = next;
      found.lines = quotes.lines;
      found.values = values;
      if (at === start) sink.blank(next);
      else sink.record(found);
      start = next;
      continue;
    }
    // An incomplete record may continue, unless it is broken or above the size limit.
    if (at !== BROKEN && next < 0 && !isEnd && length - start <= RECORD_MOST_BYTES) return start;
    const end = lineEnd(bytes, start);
    next = behindLine(bytes, end, isEnd);
    if (next < 0) return start;
    sink.record({ start, end, next, lines: 1, values: 0 });
    start = next;
  }
  return length;
}

/** Scanner of quoted values. */
class QuoteScan {
  readonly #bytes: Uint8Array;
  readonly #marks: CsvMarks;
  readonly #isEnd: boolean;
  /** Lines of the current record: one, plus one for each line end within quotes. */
  lines = 1;

  constructor(bytes: Uint8Array, marks: CsvMarks, isEnd: boolean) {
    this.#bytes = bytes;
    this.#marks = marks;
    this.#isEnd = isEnd;
  }

  /** Returns the offset of a value's opening quote, after spaces, or -1 without one. */
  openingAt(valueStart: number): number {
    const bytes = this.#bytes;
    const { quote, delimiter } = this.#marks;
    let at = valueStart;
    if (delimiter !== SPACE) while (bytes[at] === SPACE) at += 1;
    return bytes[at] === quote ? at : -1;
  }

  /**
   * Returns the offset after a quoted value: a delimiter, a line end, or the end of the bytes. Else `CUT` or
   * `BROKEN`.
   */
  behind(opening: number): number {
    const bytes = this.#bytes;
    const { length } = bytes;
    const { delimiter, quote, escaping } = this.#marks;
    let at = opening + 1;
    for (;;) {
      let byte = 0;
      while (at < length) {
        byte = bytes[at] ?? 0;
        if (byte === quote || byte === escaping) break;
        if (byte === NEWLINE || (byte === RETURN && bytes[at + 1] !== NEWLINE)) this.lines += 1;
        at += 1;
      }
      if (at >= length || (at + 1 >= length && !this.#isEnd)) return CUT;
      const following = bytes[at + 1];
      if (byte === escaping && (following === quote || (escaping !== quote && following === escaping))) {
        at += 2;
        continue;
      }
      if (byte === quote) break;
      at += 1;
    }
    at += 1;
    if (delimiter !== SPACE) while (bytes[at] === SPACE) at += 1;
    if (at >= length) return this.#isEnd ? at : CUT;
    const byte = bytes[at];
    return byte === delimiter || byte === NEWLINE || byte === RETURN ? at : BROKEN;
  }
}

/** Returns the end of the line that begins here, regardless of quotes. */
function lineEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== NEWLINE && bytes[at] !== RETURN) at += 1;
  return at;
}

/** Returns the offset after the line end at `end`. CUT: the line end may continue after these bytes. */
function behindLine(bytes: Uint8Array, end: number, isEnd: boolean): number {
  if (end >= bytes.length) return isEnd ? end : CUT;
  if (bytes[end] !== RETURN) return end + 1;
  if (end + 1 >= bytes.length) return isEnd ? end + 1 : CUT;
  return bytes[end + 1] === NEWLINE ? end + 2 : end + 1;
}
