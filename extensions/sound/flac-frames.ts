import { SoundFault } from "./sound-block.ts";

/** Checksums of a frame's header and of a whole frame (RFC 9639), highest bit first. */
const HEADER_CRC = crcTable(8, 0x07);
const FRAME_CRC = crcTable(16, 0x8005);

/** Header of a metadata block: a byte with the mark of the last block, then three bytes of length. */
const BLOCK_HEAD_BYTES = 4;

/** Tag that some programs append after the last frame. */
const TAG = "TAG";

/** Returns the offset of the first frame in a FLAC file. */
export function firstFrame(bytes: Uint8Array): number {
  let at = 4;
  for (let isLast = false; !isLast; ) {
    if (at + BLOCK_HEAD_BYTES > bytes.length) throw new SoundFault("is cut off in its header");
    const [kind = 0, high = 0, middle = 0, low = 0] = bytes.subarray(at, at + BLOCK_HEAD_BYTES);
    isLast = (kind & 128) !== 0;
    at += BLOCK_HEAD_BYTES + ((high << 16) | (middle << 8) | low);
  }
  return at;
}

/**
 * Returns the frames of a FLAC file. A frame ends where its checksum is correct and another frame or the end
 * follows.
 *
 * @param start offset of the first frame
 * @throws {SoundFault} at the first frame that is damaged or truncated
 */
export function* flacFrames(bytes: Uint8Array, start: number): Generator<Uint8Array, void, undefined> {
  for (let at = start; at < bytes.length; ) {
    if (isTag(bytes, at)) return;
    const headBytes = headerBytes(bytes, at);
    if (headBytes === null) throw new SoundFault(`is damaged or cut off at byte ${at}`);
    const end = frameEnd(bytes, at, headBytes);
    if (end === null) throw new SoundFault(`is damaged or cut off after byte ${at}`);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Returns the end of a frame. The checksum over a frame, including its own checksum, is 0. */
function frameEnd(bytes: Uint8Array, start: number, headBytes: number): number | null {
  let crc = 0;
  for (let at = start; at < bytes.length; ) {
    crc = ((crc << 8) & 0xffff) ^ (FRAME_CRC[(crc >> 8) ^ (bytes[at] ?? 0)] ?? 0);
    at += 1;
    if (crc !== 0 || at - start < headBytes + 2) continue;
    if (at === bytes.length || headerBytes(bytes, at) !== null || isTag(bytes, at)) return at;
  }
  return null;
}

/** Returns the length of a frame's header. Null: no frame. */
function headerBytes(bytes: Uint8Array, start: number): number | null {
  const [sync = 0, kind = 0, sizes = 0, , number = 0] = bytes.subarray(start, start + 5);
  if (sync !== 0xff || (kind & 0xfe) !== 0xf8) return null;
  const [size, rate] = [sizes >> 4, sizes & 15];
  // The frame number is coded like UTF-8: the leading ones give its length in bytes.
  const leading = Math.clz32(~(number << 24));
  const length =
    4 + Math.max(1, leading) + (size === 6 ? 1 : size === 7 ? 2 : 0) + (rate === 12 ? 1 : rate > 12 ? 2 : 0);
  if (size === 0 || rate === 15 || leading === 1 || start + length >= bytes.length) return null;
  let crc = 0;
  for (let at = start; at < start + length; at += 1) crc = HEADER_CRC[crc ^ (bytes[at] ?? 0)] ?? 0;
  return crc === bytes[start + length] ? length + 1 : null;
}

function isTag(bytes: Uint8Array, at: number): boolean {
  return String.fromCharCode(...bytes.subarray(at, at + TAG.length)) === TAG;
}

function crcTable(bits: 8 | 16, polynomial: number): Uint16Array {
  const top = 1 << (bits - 1);
  const mask = 2 ** bits - 1;
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ ((crc & top) === 0 ? 0 : polynomial)) & mask;
    return crc;
  });
}
