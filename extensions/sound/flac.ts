import { firstFrame, flacFrames } from "./flac-frames.ts";
import { blockOf, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";

/** Offsets of the stream info, in a FLAC file and in an Ogg packet. */
const OWN_HEAD = 8;
const OGG_HEAD = 17;
const INFO_BYTES = 18;
/** First byte of a frame, which no metadata packet begins with. */
const FRAME_SYNC = 0xff;

export function isFlac(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 4)) === "fLaC";
}

export function isOggFlac(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 5)) === "\x7fFLAC";
}

/**
 * Decodes a FLAC file.
 *
 * @throws {SoundFault} when the file is damaged, or has fewer samples than it declares
 */
export function decodeFlac(bytes: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  return decodeFrames(flacFrames(bytes, firstFrame(bytes)), samplesOf(bytes, OWN_HEAD));
}

/**
 * Decodes FLAC in an Ogg file, where each frame is a packet.
 *
 * @throws {SoundFault} like `decodeFlac`
 */
export function decodeOggFlac(packets: readonly Uint8Array[]): AsyncGenerator<SoundBlock, void, undefined> {
  const [head = new Uint8Array()] = packets;
  return decodeFrames(
    packets.filter(([first]) => first === FRAME_SYNC),
    samplesOf(head, OGG_HEAD),
  );
}

async function* decodeFrames(
  frames: Iterable<Uint8Array>,
  declared: number,
): AsyncGenerator<SoundBlock, void, undefined> {
  const { FLACDecoder } = await import("@wasm-audio-decoders/flac");
  const decoder = new FLACDecoder();
  await decoder.ready;
  let found = 0;
  try {
    for (const frame of frames) {
      const decoded = await quietly(() => decoder.decodeFrames([frame]));
      const block = blockOf(decoded);
      if (block === null) continue;
      found += decoded.samplesDecoded;
      yield { ...block, channels: block.channels.map((data) => exact(data, decoded.bitDepth)) };
    }
  } finally {
    decoder.free();
  }
  if (declared !== 0 && found !== declared)
    throw new SoundFault(`is damaged or cut off: of ${declared} samples it has ${found}`);
}

/** Returns the declared samples of each channel. 0: unknown. */
function samplesOf(bytes: Uint8Array, start: number): number {
  if (bytes.length < start + INFO_BYTES) throw new SoundFault("is cut off in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, INFO_BYTES);
  return (view.getUint8(13) & 15) * 2 ** 32 + view.getUint32(14);
}

/**
 * Rescales samples. The decoder divides by the largest integer of the bits. The usual divisor is the power of
 * two, which keeps integers exact.
 */
function exact(data: Float32Array, bits: number): Float32Array {
  const scale = 2 ** (bits - 1);
  return data.map((value) => Math.round(value * (scale - 1)) / scale);
}
