import { encodingOf, UnitSink, unitBytes, unitsOf } from "./encodings.ts";
import type { TextForm } from "./op.ts";
import { NEWLINE, RETURN, type RecordSink } from "./record-sink.ts";
import { csvMarks, scanCsv } from "./scan-csv.ts";

/**
 * Finds the records of a text file.
 *
 * @param isEnd true when no bytes follow
 * @returns the start of the first incomplete record
 */
export function scanRecords(bytes: Buffer, form: TextForm, isEnd: boolean, sink: RecordSink): number {
  if (form.kind === "json") return scanJson(bytes, 0, isEnd, sink);
  const encoding = encodingOf(form);
  const width = unitBytes(encoding);
  const marks = csvMarks(form);
  if (width === 1) return scanCsv(bytes, 0, { marks, isEnd }, sink);
  return width * scanCsv(unitsOf(bytes, encoding), 0, { marks, isEnd }, new UnitSink(sink, width));
}

/** Bytes that are blank in JSON. */
const BLANKS = new Set([9, NEWLINE, RETURN, 32]);

/**
 * Finds the lines of JSON Lines. JSON values have no line ends inside, so every `\n` ends a line. A blank
 * line is not a record.
 *
 * @returns the start of the first incomplete line, or the length of `bytes`
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
