import { blockOf, PIECE_BYTES, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";

/** Before what a stream says of itself, in a file of its own and in an Ogg packet. */
const OWN_HEAD = 8;
const OGG_HEAD = 17;
const INFO_BYTES = 18;

export function isFlac(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, 4)) === "fLaC";
}

export function isOggFlac(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 5)) === "\x7fFLAC";
}

/**
 * A FLAC file.
 *
 * @param head the first packet, where it is in an Ogg file
 * @throws {SoundFault} also when not all samples are there that it says it has
 */
export async function* decodeFlac(
  bytes: Uint8Array,
  head: Uint8Array | null = null,
): AsyncGenerator<SoundBlock, void, undefined> {
  const declared = head === null ? samplesOf(bytes, OWN_HEAD) : samplesOf(head, OGG_HEAD);
  const { FLACDecoder } = await import("@wasm-audio-decoders/flac");
  const decoder = new FLACDecoder();
  await decoder.ready;
  let found = 0;
  for (let at = 0; at <= bytes.length; at += PIECE_BYTES) {
    const isLast = at + PIECE_BYTES > bytes.length;
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    const decoded = await quietly(() => decoder.decode(piece));
    for (const next of isLast ? [decoded, await quietly(() => decoder.flush())] : [decoded]) {
      const block = blockOf(next);
      if (block === null) continue;
      found += next.samplesDecoded;
      yield { ...block, channels: block.channels.map((data) => exact(data, next.bitDepth)) };
    }
  }
  // A decoder leaves frames out that are damaged, and says nothing.
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
