import { SoundFault } from "./sound-block.ts";

/** Polynomial of the page checksum, highest bit first. */
const POLYNOMIAL = 0x04c1_1db7;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc < 0 ? POLYNOMIAL : 0);
  return crc;
});

const HEADER_BYTES = 27;
const CONTINUES = 1;
const BEGINS = 2;
const ENDS = 4;
/** Length of a packet's piece that another piece follows. */
const LONGEST_PIECE = 255;

interface OggPage {
  readonly flags: number;
  /** Samples up to the end of the page. Null: no packet ends in it. */
  readonly samples: number | null;
  readonly serial: number;
  /** Index of the page in its stream. */
  readonly number: number;
  readonly pieces: readonly Uint8Array[];
  readonly end: number;
}

/** Content of an Ogg stream. */
export interface OggStream {
  readonly packets: readonly Uint8Array[];
  /** Samples up to the end of the stream, by its last page. */
  readonly samples: number;
  /** Bytes of the stream, which another stream may follow. */
  readonly length: number;
}

export function isOgg(bytes: Uint8Array): boolean {
  return isPageAt(bytes, 0);
}

/**
 * Reads the packets of the first stream of an Ogg file (RFC 3533). All its pages must be whole, because
 * decoders silently continue after a gap.
 *
 * @throws {SoundFault} when the file is damaged, truncated, or has several concurrent streams
 */
export function readOgg(bytes: Uint8Array): OggStream {
  const packets: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  let samples = 0;
  let serial: number | null = null;
  let number: number | null = null;
  let ended = false;
  let at = 0;
  while (at < bytes.length) {
    const page = readPage(bytes, at);
    if (ended && (page.flags & BEGINS) !== 0) break;
    if (serial !== null && page.serial !== serial) throw new SoundFault("has several streams at once");
    const isNext = number === null || page.number === (number + 1) % 2 ** 32;
    if (!isNext || ((page.flags & CONTINUES) === 0 && open.length > 0))
      throw new SoundFault("is damaged: a page is missing");
    ({ serial, number, end: at } = page);
    ended = (page.flags & ENDS) !== 0;
    samples = page.samples ?? samples;
    for (const piece of page.pieces) {
      open.push(piece);
      if (piece.length === LONGEST_PIECE) continue;
      packets.push(joined(open));
      open = [];
    }
  }
  if (!ended) throw new SoundFault("is cut off: its last page is missing");
  return { packets, samples, length: at };
}

function readPage(bytes: Uint8Array, at: number): OggPage {
  if (!isPageAt(bytes, at)) throw new SoundFault(`is damaged at byte ${at}`);
  if (at + HEADER_BYTES > bytes.length) throw cutOff(at);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const count = view.getUint8(26);
  const lengths = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + count);
  const first = at + HEADER_BYTES + count;
  const end = lengths.reduce((sum, length) => sum + length, first);
  if (lengths.length < count || end > bytes.length) throw cutOff(at);
  if (crcOf(bytes, at, end) !== view.getUint32(22, true)) throw new SoundFault(`is damaged at byte ${at}`);
  const granule = view.getBigInt64(6, true);
  let start = first;
  const pieces = Array.from(lengths, (length) => {
    start += length;
    return bytes.subarray(start - length, start);
  });
  const flags = view.getUint8(5);
  return {
    flags,
    samples: granule < 0n ? null : Number(granule),
    serial: view.getUint32(14, true),
    number: view.getUint32(18, true),
    pieces,
    end,
  };
}

function isPageAt(bytes: Uint8Array, at: number): boolean {
  return String.fromCharCode(...bytes.subarray(at, at + 4)) === "OggS";
}

function cutOff(at: number): SoundFault {
  return new SoundFault(`is cut off in the page at byte ${at}`);
}

/** Returns the checksum of a page, with zeros in place of the checksum itself. */
function crcOf(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at += 1) {
    const byte = at >= start + 22 && at < start + 26 ? 0 : (bytes[at] ?? 0);
    crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] ?? 0);
  }
  return crc >>> 0;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
