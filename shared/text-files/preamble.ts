import type { TextForm } from "../domain/dataset.ts";
import { NEWLINE, type RecordSink, type ScannedRecord } from "./record-sink.ts";
import { csvMarks, scanCsv } from "./scan-csv.ts";
import { markBytes } from "./text-content.ts";

/** What stands in front of a file's first record. */
export interface Preamble {
  readonly bytes: number;
  readonly lines: number;
  /** The line, or lines, of the header; null where there is none. */
  readonly header: string | null;
}

/**
 * The preamble that a content begins with: a byte order mark, lines to be skipped, a header.
 *
 * @param isEnd whether `content` is all of it
 * @returns null when its end is not in `content`
 */
export function findPreamble(
  content: Buffer,
  form: TextForm,
  { path, isEnd }: { path: string; isEnd: boolean },
): Preamble | null {
  let bytes = markBytes(content, path);
  if (form.kind === "json") return { bytes, lines: 0, header: null };
  for (let skipped = 0; skipped < form.skip; skipped += 1) {
    const newline = content.indexOf(NEWLINE, bytes);
    if (newline < 0) return isEnd ? { bytes: content.length, lines: skipped, header: null } : null;
    bytes = newline + 1;
  }
  if (!form.header) return { bytes, lines: form.skip, header: null };
  const first = new FirstRecord(content);
  scanCsv(content, bytes, { marks: csvMarks(form), isEnd }, first);
  if (first.header !== null) return { ...first, lines: form.skip + first.lines };
  return isEnd ? { bytes: content.length, lines: form.skip, header: null } : null;
}

class FirstRecord implements RecordSink {
  readonly #content: Buffer;
  header: string | null = null;
  bytes = 0;
  lines = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  record({ start, end, next, lines }: ScannedRecord): void {
    if (this.header !== null) return;
    this.header = this.#content.toString("utf8", start, end);
    this.bytes = next;
    this.lines += lines;
  }

  blank(): void {
    if (this.header === null) this.lines += 1;
  }
}
