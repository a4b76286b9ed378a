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
import { packingOf, readContent } from "./text-content.ts";

/**
 * Approximate size of a stretch, the smallest unit of a read. Smaller stretches make a longer index. The
 * coordinator holds the index, and leases carry parts of it.
 */
const STRETCH_BYTES = 256 << 10;

/** Limit of stretches. Larger files get longer ones, so the index stays within a megabyte. */
const STRETCHES = 16_384;

interface IndexedText {
  readonly index: TextIndex;
  readonly rows: number;
  /** SHA-256 of the index, which includes the form and the checksums of the content. */
  readonly sha256: Digest;
  /** Header of the file. Null: none. */
  readonly header: string | null;
  /** Records that are not UTF-8 in a UTF-8 file. Null: none. */
  readonly undecoded: Undecoded | null;
}

interface IndexOptions {
  readonly signal: AbortSignal;
  /** Size of a stretch. Default: 256 KiB, or more in files over 4 GiB. */
  readonly stretchBytes?: number;
}

/**
 * Reads a text file once, from start to end, and indexes its records.
 *
 * @throws {INPUT_CORRUPT} when a packed file is not whole
 * @throws {INPUT_UNSUPPORTED} when the file has a UTF-16 mark that the form excludes, or a record over 32 MiB
 */
export async function indexText(
  source: ByteSource,
  form: TextForm,
  { signal, stretchBytes = STRETCH_BYTES }: IndexOptions,
): Promise<IndexedText> {
  const packing = await packingOf(source, signal);
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
  for await (const piece of readContent(source, { packing, signal })) {
    rest = take(rest.length === 0 ? piece : Buffer.concat([rest, piece]), false);
    if (rest.length > RECORD_MOST_BYTES) throw tooLong(source.path);
  }
  rest = take(rest, true);
  const { rows, stretches } = cutter.finish();
  const { undecoded } = cutter;
  const packed =
    packing === "zstd" ? ({ isGzip: false, isZstd: true } as const) : { isGzip: packing !== null };
  const index: TextIndex = { form, ...packed, firstRow: 0, stretches };
  const header = (preamble as Preamble | null)?.header ?? null;
  return { index, rows, sha256: sha256(canonicalJson(index)), header, undecoded };
}

/** Sink that counts records and divides them into stretches. */
class StretchCutter implements RecordSink {
  readonly #mostBytes: number;
  readonly #stretches: TextStretch[] = [];
  /** Offset of the scanned bytes in the content. */
  #base = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** Offset in the scanned bytes up to which the checksum is computed. */
  #summed = 0;
  #crc = 0;
  #start = 0;
  #firstLine = 1;
  #line = 1;
  #rows = 0;
  #rowsBefore = 0;
  readonly #isUtf8: boolean;
  /** True when the scanned bytes may have a record that is not UTF-8. */
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

  /** Ends the scanned bytes at `seen`. The next bytes begin there. */
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
    // The checksum of zero bytes would reset it to 0.
    if (end > this.#summed) this.#crc = crc32(this.#bytes.subarray(this.#summed, end), this.#crc);
    this.#summed = end;
  }
}

function tooLong(path: string): Error {
  const what = `a line of more than ${formatBytes(RECORD_MOST_BYTES)}`;
  return inputUnsupported(path, what, "check that the file is text, and which characters end its lines");
}
