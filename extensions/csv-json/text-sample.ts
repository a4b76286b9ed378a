import { isUtf8 } from "node:buffer";
import type { ByteSource } from "../../shared/storage/storage.ts";
import type { TextForm } from "./op.ts";
import { findPreamble } from "./preamble.ts";
import { RecordTable } from "./record-table.ts";
import { scanRecords } from "./scan-records.ts";
import { packingOf, readContent } from "./text-content.ts";

/** Sample size of each file. */
const SAMPLE_BYTES = 1 << 20;

/** Beginning of a file's content. */
export interface TextSample {
  readonly path: string;
  readonly content: Buffer;
  /** True when the sample is the whole content. */
  readonly isWhole: boolean;
}

export async function takeSample(source: ByteSource, signal: AbortSignal): Promise<TextSample> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const packing = await packingOf(source, signal);
  for await (const piece of readContent(source, { packing, signal })) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= SAMPLE_BYTES) break;
  }
  const content = Buffer.concat(pieces);
  const isWhole = bytes < SAMPLE_BYTES;
  return { path: source.path, content: isWhole ? content : content.subarray(0, SAMPLE_BYTES), isWhole };
}

/** Returns the sample up to its last line end, because the last line may be incomplete. */
export function wholeLines({ content, isWhole }: TextSample): Buffer {
  return isWhole ? content : content.subarray(0, content.lastIndexOf(10) + 1);
}

interface SampleRecords {
  readonly header: string | null;
  /** Records with as many values as the form has columns, each ended by `\n`. */
  readonly records: readonly Buffer[];
  /** Number of each record's first line. */
  readonly lines: readonly number[];
}

/** Finds the UTF-8 records of a sample that have `values` values, each ended by `\n`. */
export function recordsOf(sample: TextSample, form: TextForm, values: number): SampleRecords {
  const preamble = findPreamble(sample.content, form, { path: sample.path, isEnd: sample.isWhole });
  if (preamble === null) return { header: null, records: [], lines: [] };
  const bytes = sample.content.subarray(preamble.bytes);
  const table = tableOf(sample, form);
  const newline = Buffer.from("\n");
  const records: Buffer[] = [];
  const lines: number[] = [];
  for (let record = 0; record < table.length; record += 1) {
    if (form.kind === "csv" && table.values[record] !== values) continue;
    const content = bytes.subarray(table.starts[record], table.ends[record]);
    if (!isUtf8(content)) continue;
    records.push(Buffer.concat([content, newline]));
    lines.push(table.lines[record] ?? 0);
  }
  return { header: preamble.header, records, lines };
}

/** Scans the records of a sample, after its preamble. */
export function tableOf({ path, content, isWhole }: TextSample, form: TextForm): RecordTable {
  const preamble = findPreamble(content, form, { path, isEnd: isWhole });
  const table = new RecordTable(1 + (preamble?.lines ?? 0));
  if (preamble !== null) scanRecords(content.subarray(preamble.bytes), form, isWhole, table);
  return table;
}
