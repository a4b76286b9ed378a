import { encodingOf, UnitSink, unitBytes, unitsOf } from "./encodings.ts";
import type { TextForm } from "./op.ts";
import { NEWLINE, RETURN, type RecordSink } from "./record-sink.ts";
import { csvMarks, scanCsv } from "./scan-csv.ts";

/**
 * Finds the records of a text file.
 *
 * @param isEnd nothing comes behind these bytes
 * @returns where the first record begins that was not seen whole
 */
export function scanRecords(bytes: Buffer, form: TextForm, isEnd: boolean, sink: RecordSink): number {
  if (form.kind === "json") return scanJson(bytes, 0, isEnd, sink);
  const encoding = encodingOf(form);
  const width = unitBytes(encoding);
  const marks = csvMarks(form);
  if (width === 1) return scanCsv(bytes, 0, { marks, isEnd }, sink);
  return width * scanCsv(unitsOf(bytes, encoding), 0, { marks, isEnd }, new UnitSink(sink, width));
}

/** What JSON takes for nothing. */
const BLANKS = new Set([9, NEWLINE, RETURN, 32]);

/**
 * Finds the lines of JSON Lines: within a value there is no line end, so every one ends a line. A line with
 * nothing in it is no record.
 *
 * @returns where the first line begins that was not seen whole; the length of `bytes` when there is none
 */
function scanJson(bytes: Buffer, from: number, isEnd: boolean, sink: RecordSink): number {
  let start = from;
  while (start < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0 && !isEnd) return start;
    const lineEnd = newline < 0 ? bytes.length : newline;
    const next = newline < 0 ? lineEnd : newline + 1;
    const end = lineEnd > start && bytes[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd;
    if (isBlank(bytes, start, end)) sink.blank(next);
    else sink.record({ start, end, next, lines: 1, values: 1 });
    start = next;
  }
  return bytes.length;
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (!BLANKS.has(bytes[at] ?? 0)) return false;
  return true;
}
