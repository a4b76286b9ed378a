import { blockOf, quietly, type SoundBlock, SoundFault } from "./sound-block.ts";

/** Rate of all decoded Opus, whatever the sound's original rate was. */
const RATE = 48_000;
/** Packets that are decoded together. A packet usually has 20 ms, and at most 120. */
const PACKETS = 50;

const HEAD_BYTES = 19;
const MAPPING_AT = 21;

export function isOpus(packet: Uint8Array): boolean {
  return String.fromCharCode(...packet.subarray(0, 8)) === "OpusHead";
}

/**
 * Decodes Opus in an Ogg file (RFC 7845), without the skipped start and the samples after the end.
 *
 * @param samples samples up to the end, including the skipped ones
 * @throws {SoundFault} when the file is damaged
 */
export async function* decodeOpus(
  [head, , ...packets]: readonly Uint8Array[],
  samples: number,
): AsyncGenerator<SoundBlock, void, undefined> {
  const { preSkip, gain, ...layout } = readHead(head ?? new Uint8Array());
  const { OpusDecoder } = await import("opus-decoder");
  const decoder = new OpusDecoder({ ...layout, preSkip, sampleRate: RATE });
  await decoder.ready;
  try {
    let left = Math.max(0, samples - preSkip);
    for (let at = 0; at < packets.length && left > 0; at += PACKETS) {
      const block = blockOf(quietly(() => decoder.decodeFrames(packets.slice(at, at + PACKETS))));
      if (block === null) continue;
      const channels = block.channels.map((data) => amplified(data.subarray(0, left), gain));
      left -= channels[0]?.length ?? 0;
      yield { rate: RATE, channels };
    }
    if (left > 0) throw new SoundFault(`is damaged: ${left} of its samples are missing`);
  } finally {
    decoder.free();
  }
}

function readHead(head: Uint8Array) {
  if (head.length < HEAD_BYTES) throw new SoundFault("is cut off in its header");
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const channels = view.getUint8(9);
  const preSkip = view.getUint16(10, true);
  // Decibels in steps of 1/256.
  const gain = 10 ** (view.getInt16(16, true) / (20 * 256));
  if (channels === 0) throw new SoundFault("has no channels");
  if (view.getUint8(18) === 0) {
    if (channels > 2) throw new SoundFault("has a header that contradicts itself");
    return {
      preSkip,
      gain,
      channels,
      streamCount: 1,
      coupledStreamCount: channels - 1,
      channelMappingTable: [0, 1].slice(0, channels),
    };
  }
  if (head.length < MAPPING_AT + channels) throw new SoundFault("is cut off in its header");
  return {
    preSkip,
    gain,
    channels,
    streamCount: view.getUint8(19),
    coupledStreamCount: view.getUint8(20),
    channelMappingTable: [...head.subarray(MAPPING_AT, MAPPING_AT + channels)],
  };
}

function amplified(data: Float32Array, gain: number): Float32Array {
  return gain === 1 ? data : data.map((value) => value * gain);
}
