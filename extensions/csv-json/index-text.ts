import { isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import { formatBytes } from "../../shared/core/units.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { Undecoded } from "../../shared/domain/undecoded.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { encodingOf } from "./encodings.ts";
import type { TextForm, TextIndex, TextStretch } from "./op.ts";
import { findPreamble, type Preamble } from "./preamble.ts";
import { RECORD_MOST_BYTES, type RecordSink, type ScannedRecord } from "./record-sink.ts";
import { scanRecords } from "./scan-records.ts";
import { isGzip, readContent } from "./text-content.ts";

/**
 * A stretch of records, about: who wants one row of it reads all of it. Smaller ones make a longer index,
 * which the coordinator holds, and leases carry their part of.
 */
const STRETCH_BYTES = 256 << 10;

/** Of a larger file the stretches are longer: its index stays within a megabyte. */
const STRETCHES = 16_384;

interface IndexedText {
  readonly index: TextIndex;
  readonly rows: number;
  /** sha256 over what the index says of the content, and how it is read. */
  readonly sha256: Digest;
  /** What the file has for a header; null for none. */
  readonly header: string | null;
  /** Records that are not UTF-8, where they should be; null: none. */
  readonly undecoded: Undecoded | null;
}

interface IndexOptions {
  readonly signal: AbortSignal;
  /** Left out: 256 KiB, more in files of more than 4 GiB. */
  readonly stretchBytes?: number;
}

/**
 * Reads a text file once, from end to end, and finds where its records lie.
 *
 * @throws {INPUT_CORRUPT} for a gzip file that is not whole
 * @throws {INPUT_UNSUPPORTED} for UTF-16, and for what has a record of more than 32 MiB
 */
export async function indexText(
  source: ByteSource,
  form: TextForm,
  { signal, stretchBytes = STRETCH_BYTES }: IndexOptions,
): Promise<IndexedText> {
  const packed = await isGzip(source, signal);
  const cutter = new StretchCutter(
    Math.max(stretchBytes, Math.ceil(source.bytes / STRETCHES)),
    encodingOf(form) === "utf-8",
  );
  let preamble: Preamble | null = null;
  let rest: Buffer = Buffer.alloc(0);
  const take = (content: Buffer, isEnd: boolean): Buffer => {
    let records = content;
    if (preamble === null) {
      preamble = findPreamble(content, form, { path: source.path, isEnd });
      if (preamble === null) return content;
      cutter.begin(preamble);
      records = content.subarray(preamble.bytes);
    }
    cutter.open(records);
    const seen = scanRecords(records, form, isEnd, cutter);
    cutter.close(seen);
    return records.subarray(seen);
  };
  for await (const piece of readContent(source, { isGzip: packed, signal })) {
    rest = take(rest.length === 0 ? piece : Buffer.concat([rest, piece]), false);
    if (rest.length > RECORD_MOST_BYTES) throw tooLong(source.path);
  }
  rest = take(rest, true);
  const { rows, stretches } = cutter.finish();
  const { undecoded } = cutter;
  const index: TextIndex = { form, isGzip: packed, firstRow: 0, stretches };
  const header = (preamble as Preamble | null)?.header ?? null;
  return { index, rows, sha256: sha256(canonicalJson(index)), header, undecoded };
}

/** Counts records, and cuts stretches of them. */
class StretchCutter implements RecordSink {
  readonly #mostBytes: number;
  readonly #stretches: TextStretch[] = [];
  /** Where the bytes that are scanned begin in the content. */
  #base = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** Up to here, in these bytes, the checksum goes. */
  #summed = 0;
  #crc = 0;
  #start = 0;
  #firstLine = 1;
  #line = 1;
  #rows = 0;
  #rowsBefore = 0;
  readonly #isUtf8: boolean;
  /** Whether the bytes that are scanned may have a record that is not UTF-8. */
  #isDoubtful = false;
  undecoded: Undecoded | null = null;

  constructor(mostBytes: number, isUtf8: boolean) {
    this.#mostBytes = mostBytes;
    this.#isUtf8 = isUtf8;
  }

  begin({ bytes, lines }: Preamble): void {
    this.#base = bytes;
    this.#start = bytes;
    this.#line += lines;
    this.#firstLine = this.#line;
  }

  open(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#summed = 0;
    this.#isDoubtful = this.#isUtf8 && !isUtf8(bytes);
  }

  record({ start, end, next, lines }: ScannedRecord): void {
    if (this.#isDoubtful && !isUtf8(this.#bytes.subarray(start, end))) {
      const first = this.undecoded ?? { records: 0, line: this.#line, byte: this.#base + start };
      this.undecoded = { ...first, records: first.records + 1 };
    }
    this.#rows += 1;
    this.#line += lines;
    if (this.#base + next - this.#start >= this.#mostBytes) this.#cut(next);
  }

  blank(): void {
    this.#line += 1;
  }

  /** All before `seen` was scanned; what comes next begins there. */
  close(seen: number): void {
    this.#sum(seen);
    this.#base += seen;
  }

  finish(): { readonly rows: number; readonly stretches: readonly TextStretch[] } {
    this.#bytes = Buffer.alloc(0);
    this.#summed = 0;
    if (this.#rows > 0) this.#cut(0);
    return { rows: this.#rowsBefore, stretches: this.#stretches };
  }

  #cut(at: number): void {
    this.#sum(at);
    const end = this.#base + at;
    this.#stretches.push({
      start: this.#start,
      bytes: end - this.#start,
      rows: this.#rows,
      line: this.#firstLine,
      crc32: this.#crc,
    });
    this.#start = end;
    this.#crc = 0;
    this.#firstLine = this.#line;
    this.#rowsBefore += this.#rows;
    this.#rows = 0;
  }

  #sum(end: number): void {
    // Of no bytes it would be 0.
    if (end > this.#summed) this.#crc = crc32(this.#bytes.subarray(this.#summed, end), this.#crc);
    this.#summed = end;
  }
}

function tooLong(path: string): Error {
  const what = `a line of more than ${formatBytes(RECORD_MOST_BYTES)}`;
  return inputUnsupported(path, what, "look whether it is text at all, and what ends its lines");
}
