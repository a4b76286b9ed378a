import { isUtf8 } from "node:buffer";
import type { CsvEncoding, TextForm } from "./op.ts";
import type { RecordSink, ScannedRecord } from "./record-sink.ts";

/** Characters of bytes 0x80 to 0x9f in Windows-1252 (WHATWG). ISO 8859-1 has control characters there. */
const WINDOWS_1252 =
  "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f" +
  "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

const FIRST_CONTROL = 0x80;
/** Byte for a unit outside ASCII. Delimiters and quotes are ASCII. */
const OTHER = 0xff;

const UTF_16 = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true });

/** Returns the encoding of a text file. JSON is always UTF-8. */
export function encodingOf(form: TextForm): CsvEncoding {
  return form.kind === "csv" ? (form.encoding ?? "utf-8") : "utf-8";
}

function isUtf16(encoding: CsvEncoding): encoding is "utf-16le" | "utf-16be" {
  return encoding.startsWith("utf-16");
}

/** Decodes a text. Null: the bytes are invalid in the encoding. A byte order mark stays. */
export function decodeText(bytes: Buffer, encoding: CsvEncoding): string | null {
  switch (encoding) {
    case "utf-8":
      return isUtf8(bytes) ? bytes.toString("utf8") : null;
    case "latin1":
      return bytes.toString("latin1");
    case "windows-1252":
      return bytes
        .toString("latin1")
        .replaceAll(/[\x80-\x9f]/g, (byte) => WINDOWS_1252.charAt(byte.charCodeAt(0) - FIRST_CONTROL));
    case "utf-16le":
    case "utf-16be":
      return decodeUtf16(encoding === "utf-16le" ? bytes : swapped(bytes));
  }
}

/** Decodes the beginning of a text. An invalid or truncated character becomes U+FFFD. */
export function decodeLoosely(bytes: Buffer, encoding: CsvEncoding): string {
  if (isUtf16(encoding)) return (encoding === "utf-16le" ? bytes : swapped(bytes)).toString("utf16le");
  return decodeText(bytes, encoding) ?? bytes.toString("utf8");
}

function decodeUtf16(bytes: Buffer): string | null {
  try {
    return UTF_16.decode(bytes);
  } catch {
    return null;
  }
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2))).swap16();
}

/** Returns the size of an encoding's unit. A character has one unit or more. */
export function unitBytes(encoding: CsvEncoding): 1 | 2 {
  return isUtf16(encoding) ? 2 : 1;
}

/** Returns a byte for each unit: its ASCII byte, or `OTHER`. Delimiters, quotes and line ends are ASCII. */
export function unitsOf(bytes: Buffer, encoding: CsvEncoding): Buffer {
  if (!isUtf16(encoding)) return bytes;
  const [low, high] = encoding === "utf-16le" ? [0, 1] : [1, 0];
  const units = Buffer.alloc(bytes.length >> 1);
  for (let unit = 0; unit < units.length; unit += 1) {
    const isAscii = bytes[2 * unit + high] === 0 && (bytes[2 * unit + low] ?? 0) < FIRST_CONTROL;
    units[unit] = isAscii ? (bytes[2 * unit + low] ?? 0) : OTHER;
  }
  return units;
}

/** Sink that converts the offsets of records from units to bytes. */
export class UnitSink implements RecordSink {
  readonly #sink: RecordSink;
  readonly #width: number;

  constructor(sink: RecordSink, width: number) {
    this.#sink = sink;
    this.#width = width;
  }

  record({ start, end, next, lines, values }: ScannedRecord): void {
    const width = this.#width;
    this.#sink.record({ start: start * width, end: end * width, next: next * width, lines, values });
  }

  blank(next: number): void {
    this.#sink.blank(next * this.#width);
  }
}
