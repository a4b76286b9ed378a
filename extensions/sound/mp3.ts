import { blockOf, PIECE_BYTES, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";

/** Bit rates in kilobits per second by version and layer, for the fourteen indices from 1 on. */
const BIT_RATES = {
  v1: [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  ],
  v2: [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  ],
} as const;
const RATES = [44_100, 48_000, 32_000];

/** Bytes to search for the first frame, because some writers precede it with other data. */
const SEARCH_BYTES = 65_536;
/** Consecutive frames that cannot be a coincidence. Two frames within other data prove nothing. */
const SURE_FRAMES = 4;
/** Samples that encoders add at both ends without declaring how many: about two of the larger frames. */
const ADDED_SAMPLES = 3 * 1152;

/** Flags of the hidden header, and the offset of the added silence when all parts are present. */
const HAS_FRAMES = 1;
const HAS_ALL = 15;
const ADDED_AT = 141;
const INFO_BYTES = 144;

interface Mp3Frame {
  readonly at: number;
  readonly isMono: boolean;
  readonly isFirstVersion: boolean;
  /** Sample rate. */
  readonly rate: number;
  /** Samples of each channel. */
  readonly samples: number;
  readonly bytes: number;
}

/** Finds the first frame of an MPEG sound that further frames follow. Null: not an MPEG sound. */
export function findMp3(bytes: Uint8Array): Mp3Frame | null {
  const last = Math.min(bytes.length, SEARCH_BYTES);
  for (let at = 0; at < last; at += 1) {
    const frame = frameAt(bytes, at);
    if (frame === null) continue;
    if (beginsSound(bytes, frame)) return frame;
  }
  return null;
}

/** Checks that enough frames follow. A file that begins with a frame needs fewer. */
function beginsSound(bytes: Uint8Array, first: Mp3Frame): boolean {
  const wanted = first.at === 0 ? 2 : SURE_FRAMES;
  let frame = first;
  for (let count = 1; count < wanted; count += 1) {
    const next = frame.at + frame.bytes;
    if (next >= bytes.length) return first.at === 0 || count > 1;
    const following = frameAt(bytes, next);
    if (following === null || following.rate !== first.rate || following.samples !== first.samples)
      return false;
    frame = following;
  }
  return true;
}

/**
 * Decodes an MPEG sound of layer 1, 2 or 3.
 *
 * @throws {SoundFault} when the sound is damaged, or has fewer frames than it declares
 */
export async function* decodeMp3(
  bytes: Uint8Array,
  first: Mp3Frame,
): AsyncGenerator<SoundBlock, void, undefined> {
  const { MPEGDecoder } = await import("mpg123-decoder");
  const decoder = new MPEGDecoder();
  await decoder.ready;
  let found = 0;
  try {
    for (let at = first.at; at < bytes.length; at += PIECE_BYTES) {
      const block = blockOf(quietly(() => decoder.decode(bytes.subarray(at, at + PIECE_BYTES))));
      if (block === null) continue;
      found += block.channels[0]?.length ?? 0;
      // The decoder always returns two channels.
      yield first.isMono ? { ...block, channels: block.channels.slice(0, 1) } : block;
    }
  } finally {
    decoder.free();
  }
  const declared = declaredSamples(bytes, first);
  if (declared === null || found + first.samples >= declared) return;
  throw new SoundFault(`is damaged or cut off: of ${declared} samples it has ${found}`);
}

/** Parses a frame header by ISO 11172-3 and 13818-3, and the extension with half their rates. */
function frameAt(bytes: Uint8Array, at: number): Mp3Frame | null {
  const [sync = 0, kind = 0, rates = 0, mode = 0] = bytes.subarray(at, at + 4);
  const version = (kind >> 3) & 3;
  const layer = 4 - ((kind >> 1) & 3);
  const isFirstVersion = version === 3;
  const rateIndex = (rates >> 2) & 3;
  if (sync !== 0xff || (kind & 0xe0) !== 0xe0 || version === 1 || layer === 4 || rateIndex === 3) return null;
  const kilobits = BIT_RATES[isFirstVersion ? "v1" : "v2"][layer - 1]?.[(rates >> 4) - 1];
  if (kilobits === undefined) return null;
  const halvings = isFirstVersion ? 1 : version === 2 ? 2 : 4;
  const rate = (RATES[rateIndex] ?? 0) / halvings;
  const samples = layer === 1 ? 384 : layer === 3 && !isFirstVersion ? 576 : 1152;
  const slotBytes = layer === 1 ? 4 : 1;
  const slots = Math.floor((samples / 8 / slotBytes) * ((kilobits * 1000) / rate)) + ((rates >> 1) & 1);
  return { at, isMono: mode >> 6 === 3, isFirstVersion, rate, samples, bytes: slots * slotBytes };
}

/**
 * Returns the least number of samples by the hidden header in a silent first frame, which most writers add.
 * The encoder's added silence is subtracted. Null: no header.
 */
function declaredSamples(bytes: Uint8Array, frame: Mp3Frame): number | null {
  const sideBytes = frame.isFirstVersion ? (frame.isMono ? 17 : 32) : frame.isMono ? 9 : 17;
  const start = frame.at + 4 + sideBytes;
  const isThere = /^(Xing|Info)$/.test(String.fromCharCode(...bytes.subarray(start, start + 4)));
  if (!isThere || start + INFO_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, INFO_BYTES);
  const flags = view.getUint8(7);
  if ((flags & HAS_FRAMES) === 0) return null;
  const samples = view.getUint32(8) * frame.samples;
  // Twelve bits for the start, twelve for the end.
  const added = flags === HAS_ALL ? (view.getUint16(ADDED_AT) << 8) | view.getUint8(ADDED_AT + 2) : 0;
  return samples - (added === 0 ? ADDED_SAMPLES : (added >> 12) + (added & 0xfff));
}
