import type { ShardmillError } from "../../shared/core/errors.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { decodeText, encodingOf, unitBytes, unitsOf } from "./encodings.ts";
import { type CsvEncoding, ENCODING_HINTS, type TextForm } from "./op.ts";
import { NEWLINE, type RecordSink, type ScannedRecord } from "./record-sink.ts";
import { csvMarks, scanCsv } from "./scan-csv.ts";
import { markBytes } from "./text-content.ts";

/** Content before a file's first record. */
export interface Preamble {
  readonly bytes: number;
  readonly lines: number;
  /** Line or lines of the header. Null: none. */
  readonly header: string | null;
}

/**
 * Finds the preamble of a content: a byte order mark, skipped lines, a header.
 *
 * @param isEnd true when `content` is complete
 * @returns null when the preamble does not end in `content`
 */
export function findPreamble(
  content: Buffer,
  form: TextForm,
  { path, isEnd }: { path: string; isEnd: boolean },
): Preamble | null {
  const mark = markBytes(content, path, form);
  if (form.kind === "json") return { bytes: mark, lines: 0, header: null };
  const encoding = encodingOf(form);
  const width = unitBytes(encoding);
  const units = unitsOf(content, encoding);
  let at = mark / width;
  for (let skipped = 0; skipped < form.skip; skipped += 1) {
    const newline = units.indexOf(NEWLINE, at);
    if (newline < 0) return isEnd ? { bytes: content.length, lines: skipped, header: null } : null;
    at = newline + 1;
  }
  if (!form.header) return { bytes: at * width, lines: form.skip, header: null };
  const first = new FirstRecord();
  scanCsv(units, at, { marks: csvMarks(form), isEnd }, first);
  const { start, end, next, lines } = first;
  if (next < 0) return isEnd ? { bytes: content.length, lines: form.skip, header: null } : null;
  const header = decodeText(content.subarray(start * width, end * width), encoding);
  if (header === null) throw notDecoded({ path, line: form.skip + 1, byte: start * width, encoding });
  return { header, bytes: next * width, lines: form.skip + lines };
}

/** Returns the error for an undecodable header. */
function notDecoded({
  path,
  line,
  byte,
  encoding,
}: {
  readonly path: string;
  readonly line: number;
  readonly byte: number;
  readonly encoding: CsvEncoding;
}): ShardmillError {
  const what = `a header (line ${line}, byte ${byte}) that is not ${encoding.toUpperCase()}`;
  return inputUnsupported(path, what, ENCODING_HINTS.csv);
}

class FirstRecord implements RecordSink {
  start = -1;
  end = -1;
  next = -1;
  lines = 0;

  record({ start, end, next, lines }: ScannedRecord): void {
    if (this.next >= 0) return;
    this.start = start;
    this.end = end;
    this.next = next;
    this.lines += lines;
  }

  blank(): void {
    if (this.next < 0) this.lines += 1;
  }
}
