import { isUtf8 } from "node:buffer";
import { decodeUtf8 } from "../../shared/core/utf8.ts";

export const BLOCK_BYTES = 512;

/** Header block of a tar: POSIX.1-2017 "ustar", its predecessor V7, and GNU tar. */
export interface TarHeader {
  readonly type: string;
  readonly name: Buffer;
  readonly bytes: number;
}

/** Fault of a tar's bytes. Its reader adds file and offset. */
export class TarFault extends Error {
  readonly expected: string;

  constructor(expected: string, found: string) {
    super(found);
    this.expected = expected;
  }
}

/**
 * Parses a header block.
 *
 * @throws TarFault when its checksum or a number is wrong
 */
export function parseHeader(block: Buffer): TarHeader {
  if (!isSummed(block)) throw new TarFault("a header with its checksum", "bytes that are no header of a tar");
  const name = untilNul(block.subarray(0, 100));
  const prefix = untilNul(block.subarray(345, 500));
  // GNU tar has other fields in place of the prefix, and another magic.
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    // V7 marks a folder by its name alone.
    type: type === "\0" ? (name.at(-1) === SLASH ? "5" : "0") : type,
    name: isUstar && prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : name,
    bytes: numberOf(block.subarray(124, 136)),
  };
}

const SLASH = 0x2f;

/** Checks the sum of a block's bytes, without the sum itself. Some old tars summed signed bytes. */
function isSummed(block: Buffer): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK_BYTES; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const sum = octalOf(block.subarray(148, 156));
  return sum === unsigned || sum === signed;
}

/** Parses a number: octal, or base 256 where it does not fit, as GNU tar writes it. */
function numberOf(field: Buffer): number {
  if (field[0] !== 0x80) {
    const found = octalOf(field);
    if (found !== null) return found;
  } else {
    const found = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (Number.isSafeInteger(found)) return found;
  }
  throw new TarFault("a size", `a size of ${JSON.stringify(field.toString("latin1"))}`);
}

function octalOf(field: Buffer): number | null {
  const text = untilNul(field).toString("latin1").trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(`0${text}`, 8) : null;
}

function untilNul(field: Buffer): Buffer {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** Returns a long name of GNU tar, which ends with a NUL. */
export const longName = untilNul;

/**
 * Parses the records of a PAX header: `LENGTH KEY=VALUE\n`.
 *
 * @throws TarFault when a record is not as long as it says
 */
export function parsePax(data: Buffer): ReadonlyMap<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = data.toString("latin1", at, Math.max(at, space));
    const end = at + Number(digits);
    const equals = data.indexOf(0x3d, space);
    if (!/^[1-9][0-9]{0,9}$/.test(digits) || end > data.length || data[end - 1] !== 0x0a || equals >= end)
      throw new TarFault("PAX records of their lengths", `a record that begins with ${shown(data, at)}`);
    if (equals < 0) throw new TarFault("PAX records with a key", `a record ${shown(data, at)}`);
    records.set(data.toString("utf8", space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

const SHOWN_BYTES = 40;

function shown(data: Buffer, at: number): string {
  return JSON.stringify(data.toString("latin1", at, at + SHOWN_BYTES));
}

/**
 * Decodes a name.
 *
 * @throws TarFault when it is not UTF-8
 */
export function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return decodeUtf8(bytes);
  throw new TarFault("names in UTF-8", `the name ${JSON.stringify(bytes.toString("latin1"))}`);
}
