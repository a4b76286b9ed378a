import { firstFrame, flacFrames } from "./flac-frames.ts";
import { blockOf, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";

/** Before what a stream says of itself, in a file of its own and in an Ogg packet. */
const OWN_HEAD = 8;
const OGG_HEAD = 17;
const INFO_BYTES = 18;
/** What a frame begins with, and no metadata does. */
const FRAME_SYNC = 0xff;

export function isFlac(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 4)) === "fLaC";
}

export function isOggFlac(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 5)) === "\x7fFLAC";
}

/**
 * A FLAC file.
 *
 * @throws {SoundFault} also when not all samples are there that it says it has
 */
export function decodeFlac(bytes: Uint8Array): AsyncGenerator<SoundBlock, void, undefined> {
  return decodeFrames(flacFrames(bytes, firstFrame(bytes)), samplesOf(bytes, OWN_HEAD));
}

/**
 * FLAC in an Ogg file, where each frame is a packet.
 *
 * @throws {SoundFault} as of a FLAC file
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

/** Of each channel; 0: it does not say. */
function samplesOf(bytes: Uint8Array, start: number): number {
  if (bytes.length < start + INFO_BYTES) throw new SoundFault("is cut off in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, INFO_BYTES);
  return (view.getUint8(13) & 15) * 2 ** 32 + view.getUint32(14);
}

/**
 * The decoder divides by the largest number of so many bits; the power of two is what everybody else divides
 * by, and keeps a whole number exact.
 */
function exact(data: Float32Array, bits: number): Float32Array {
  const scale = 2 ** (bits - 1);
  return data.map((value) => Math.round(value * (scale - 1)) / scale);
}
